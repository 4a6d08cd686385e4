using System.Collections;
using System.Collections.Immutable;

namespace GraphRewriter.Ir;

/// <summary>The shape of a tensor: rank known, each dimension a number, a symbol or unknown. A null shape means unknown rank.</summary>
public sealed class Shape : IReadOnlyList<Dim>, IEquatable<Shape>
{
    readonly ImmutableArray<Dim> dims;

    /// <summary>Makes a shape from its dimensions.</summary>
    public Shape(params ReadOnlySpan<Dim> dims) => this.dims = [.. dims];

    /// <summary>Makes a shape from its dimensions.</summary>
    public Shape(IEnumerable<Dim> dims) => this.dims = [.. dims];

    /// <summary>The shape of a scalar: rank 0.</summary>
    public static Shape Scalar { get; } = new(default(ReadOnlySpan<Dim>));

    /// <summary>Makes a shape from sizes; a negative size means unknown.</summary>
    public static Shape Of(params ReadOnlySpan<long> sizes)
    {
        var result = new Dim[sizes.Length];
        for (var i = 0; i < sizes.Length; i++) result[i] = sizes[i];
        return new Shape(result);
    }

    /// <summary>Makes a shape of the given rank with every dimension unknown.</summary>
    public static Shape OfRank(int rank) => new(Enumerable.Repeat(Dim.Unknown, rank));

    /// <summary>The number of dimensions.</summary>
    public int Rank => dims.Length;

    /// <inheritdoc/>
    public int Count => dims.Length;

    /// <summary>The dimension at an index; negative indices count from the end, as ONNX axes do.</summary>
    public Dim this[int axis] => dims[axis < 0 ? axis + dims.Length : axis];

    /// <summary>Whether every dimension is a number.</summary>
    public bool IsStatic
    {
        get
        {
            foreach (var d in dims) if (!d.IsKnown) return false;
            return true;
        }
    }

    /// <summary>The number of elements, or -1 where a dimension is unknown (0 where one dimension is zero).</summary>
    /// <exception cref="OverflowException">The product does not fit 64 bits.</exception>
    public long ElementCount
    {
        get
        {
            var n = 1L;
            var known = true;
            foreach (var d in dims)
            {
                if (d.Size == 0) return 0;
                if (!d.IsKnown) known = false;
                else if (known) n = checked(n * d.Size);
            }
            return known ? n : -1;
        }
    }

    /// <summary>The sizes, -1 for unknown ones.</summary>
    public long[] ToArray()
    {
        var sizes = new long[dims.Length];
        for (var i = 0; i < sizes.Length; i++) sizes[i] = dims[i].Size;
        return sizes;
    }

    /// <summary>A copy with one dimension replaced; negative axes count from the end.</summary>
    public Shape With(int axis, Dim dim) => new(dims.SetItem(axis < 0 ? axis + dims.Length : axis, dim));

    /// <summary>Whether both shapes are certainly equal; a symbol equals itself, an unknown dimension equals nothing.</summary>
    public static bool SurelyEqual(Shape? a, Shape? b)
    {
        if (a is null || b is null || a.Rank != b.Rank) return false;
        for (var i = 0; i < a.Rank; i++) if (!Dim.SurelyEqual(a[i], b[i])) return false;
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(Shape? other) => other is not null && dims.AsSpan().SequenceEqual(other.dims.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Shape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var d in dims) hash.Add(d);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<Dim> GetEnumerator() => ((IEnumerable<Dim>)dims).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The dimensions joined by '×', "scalar" for rank 0.</summary>
    public override string ToString() => Rank == 0 ? "scalar" : string.Join('×', dims);
}
