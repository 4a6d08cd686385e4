using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace OnnxAuditor.Reporting;

/// <summary>JSON as all our formats write it: indented, line feeds, letters of every script as they are, a line feed at the end.</summary>
static class JsonText
{
    static readonly JsonWriterOptions Options = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    /// <summary>The text of an object.</summary>
    public static string Of(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    extension(Utf8JsonWriter json)
    {
        /// <summary>Writes a property that is an object.</summary>
        public void Object(string name, Action content)
        {
            json.WriteStartObject(name);
            content();
            json.WriteEndObject();
        }

        /// <summary>Writes a property that is an array of objects.</summary>
        public void Array<T>(string name, IEnumerable<T> items, Action<T> content)
        {
            json.WriteStartArray(name);
            foreach (var item in items)
            {
                json.WriteStartObject();
                content(item);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
    }
}
