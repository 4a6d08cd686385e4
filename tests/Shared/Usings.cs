global using Testing;
