using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>Brings values into forms in which the first axis counts samples and nothing else.</summary>
static class SampleRows
{
    extension(Tape t)
    {
        /// <summary>[N, …]: the samples first, then what of their axis belongs to one sample (where there is more), then the other axes in their order.</summary>
        public Value SamplesFirst(Value x, BatchPlace place)
        {
            var (divided, samples, parts) = t.Divided(x, place);
            var others = Enumerable.Range(0, divided.Rank).Where(a => a != samples && !parts.Contains(a));
            return t.Transpose(divided, [samples, .. parts, .. others.Select(a => (long)a)]);
        }

        /// <summary>[N, rows, length of the axis]: one axis last, all others but the samples' as rows.</summary>
        /// <param name="x">The value.</param>
        /// <param name="place">Where it counts samples.</param>
        /// <param name="kept">The axis that comes last; not the samples'.</param>
        public Value RowsOfSamples(Value x, BatchPlace place, int kept)
        {
            var (divided, samples, parts) = t.Divided(x, place);
            if (kept > place.Axis) kept += parts.Count;
            var others = Enumerable.Range(0, divided.Rank).Where(a => a != samples && a != kept).Select(a => (long)a);
            var moved = t.Transpose(divided, [samples, .. others, kept]);
            return moved.Rank == 3 ? moved : t.Reshape(moved, t.Concat(0, t.DimOf(moved, 0), t.Ints(-1), t.DimOf(moved, -1)));
        }

        /// <summary>[N, elements of a sample].</summary>
        public Value Flat(Value samples) => samples.Rank == 2 ? samples : t.Reshape(samples, t.Concat(0, t.DimOf(samples, 0), t.Ints(-1)));

        /// <summary>[N, shape]: gradients of samples in the shape of what they are gradients of.</summary>
        public Value SamplesLike(Value samples, Value like)
        {
            if (samples.Rank == like.Rank + 1 && Shape.SurelyEqual(new Shape(samples.Shape!.Skip(1)), like.Shape)) return samples;
            return t.Reshape(samples, like.Rank == 0 ? t.DimOf(samples, 0) : t.Concat(0, t.DimOf(samples, 0), t.ShapeOf(like)));
        }

        /// <summary>
        /// [N, shape]: undoes the broadcasting of a value that is the same for all samples, but for the samples themselves.
        /// </summary>
        /// <param name="gradient">The gradient in the shape of the result of broadcasting, or in one that broadcasts to it.</param>
        /// <param name="result">The result of broadcasting.</param>
        /// <param name="place">Where the result counts samples.</param>
        /// <param name="like">The value that was broadcast.</param>
        public Value SumWithinSamples(Value gradient, Value result, BatchPlace place, Value like)
        {
            var full = Shape.SurelyEqual(gradient.Shape, result.Shape) ? gradient : t.ExpandLike(gradient, result);
            var lead = result.Rank - like.Rank;
            if (place.Axis >= lead && like.Shape![place.Axis - lead].Size != 1)
                throw new ModelException(ModelProblem.Unsupported, $"'{like.Name}' has an axis of its own for the samples");
            var first = t.SamplesFirst(full, place);
            // Behind the samples stand, in order: the parts of their axis, then the axes of the result but the samples'.
            var parts = first.Rank - result.Rank;
            List<long> summed = [.. Enumerable.Range(1, parts).Select(a => (long)a)];
            var at = parts + 1L;
            for (var axis = 0; axis < result.Rank; axis++)
            {
                if (axis == place.Axis) continue;
                if (axis < lead || (like.Shape![axis - lead].Size == 1 && result.Shape![axis].Size != 1)) summed.Add(at);
                else if (!like.Shape![axis - lead].IsKnown && !Dim.SurelyEqual(like.Shape[axis - lead], result.Shape![axis]))
                    throw new ModelException(ModelProblem.Unsupported, $"the sizes of '{like.Name}' are not known");
                at++;
            }
            return t.SamplesLike(t.ReduceSum(first, [.. summed], keepDims: false), like);
        }

        /// <summary>The samples' axis as up to three: the parts that lie outside and inside of the samples, where there are any. The samples' axis and the parts' are told.</summary>
        (Value Divided, int Samples, IReadOnlyList<int> Parts) Divided(Value x, BatchPlace place)
        {
            if (place.Share == 1) return (x, place.Axis, []);
            var sizes = new List<Value>();
            var parts = new List<int>();
            var samples = 0;
            for (var axis = 0; axis < x.Rank; axis++)
            {
                if (axis != place.Axis)
                {
                    sizes.Add(t.DimOf(x, axis));
                    continue;
                }
                if (place.Outer > 1)
                {
                    parts.Add(sizes.Count);
                    sizes.Add(t.Ints(place.Outer));
                }
                samples = sizes.Count;
                sizes.Add(t.Ints(-1));
                if (place.PerSample == 1) continue;
                parts.Add(sizes.Count);
                sizes.Add(t.Ints(place.PerSample));
            }
            return (t.Reshape(x, t.Concat(0, [.. sizes])), samples, parts);
        }
    }
}
