using ModelGenerator;

// Writes the models and their page into the folder given, or into the models folder of the checkout.
var folder = args.Length > 0 ? args[0] : Path.Combine(Catalogue.FindCheckout(), "models");
foreach (var network in Catalogue.All) network.Write(folder);
File.WriteAllText(Path.Combine(folder, "README.md"), Catalogue.Page());
