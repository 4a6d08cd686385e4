using System.Reflection;
using System.Reflection.Emit;

namespace OnnxAuditor.Tests.Architecture;

/// <summary>
/// Lists the types each type of an assembly refers to, as compiled: in its base type, members, attributes, local variables and instructions.
/// Reading what the compiler wrote, not the source, leaves no way round: aliases, global usings and inferred types are all there.
/// </summary>
static class TypeReferences
{
    const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    static readonly Dictionary<short, OpCode> OpCodesByValue =
        typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (OpCode)f.GetValue(null)!).ToDictionary(o => o.Value);

    /// <summary>All types a type refers to; constructed types are taken apart (List&lt;Node&gt;[] gives List&lt;&gt; and Node).</summary>
    internal static IReadOnlySet<Type> Of(Type type)
    {
        var found = new HashSet<Type>();
        Add(found, type.BaseType);
        foreach (var each in type.GetInterfaces()) Add(found, each);
        AddAttributes(found, type);
        foreach (var field in type.GetFields(All))
        {
            Add(found, field.FieldType);
            AddAttributes(found, field);
        }
        foreach (var property in type.GetProperties(All))
        {
            Add(found, property.PropertyType);
            AddAttributes(found, property);
        }
        foreach (var method in type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All))) AddMethod(found, method);
        return found;
    }

    static void AddMethod(HashSet<Type> found, MethodBase method)
    {
        AddAttributes(found, method);
        AddSignature(found, method);
        if (method.GetMethodBody() is not { } body) return;
        foreach (var local in body.LocalVariables) Add(found, local.LocalType);
        foreach (var clause in body.ExceptionHandlingClauses)
            if (clause.Flags == ExceptionHandlingClauseOptions.Clause) Add(found, clause.CatchType);
        foreach (var member in Operands(method, body.GetILAsByteArray()!))
        {
            Add(found, member as Type ?? member.DeclaringType);
            if (member is FieldInfo field) Add(found, field.FieldType);
            if (member is MethodBase called) AddSignature(found, called);
        }
    }

    static void AddSignature(HashSet<Type> found, MethodBase method)
    {
        if (method is MethodInfo { ReturnType: var result }) Add(found, result);
        foreach (var parameter in method.GetParameters()) Add(found, parameter.ParameterType);
        if (method.IsGenericMethod) foreach (var argument in method.GetGenericArguments()) Add(found, argument);
    }

    static void AddAttributes(HashSet<Type> found, MemberInfo member)
    {
        foreach (var attribute in member.CustomAttributes) Add(found, attribute.AttributeType);
    }

    static void Add(HashSet<Type> found, Type? type)
    {
        while (type is { HasElementType: true }) type = type.GetElementType();
        if (type is null) return;
        if (type.IsGenericParameter)
        {
            if (!found.Add(type)) return;
            foreach (var constraint in type.GetGenericParameterConstraints()) Add(found, constraint);
            return;
        }
        if (type.IsFunctionPointer || !found.Add(type)) return;
        if (!type.IsConstructedGenericType) return;
        Add(found, type.GetGenericTypeDefinition());
        foreach (var argument in type.GetGenericArguments()) Add(found, argument);
    }

    /// <summary>The members a method body's instructions name. ECMA-335, partition III: one or two opcode bytes, then an operand whose length the opcode tells.</summary>
    static IEnumerable<MemberInfo> Operands(MethodBase method, byte[] code)
    {
        var typeArguments = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < code.Length;)
        {
            var opcode = code[at] == 0xFE ? OpCodesByValue[unchecked((short)(0xFE00 | code[at + 1]))] : OpCodesByValue[code[at]];
            at += opcode.Size;
            if (opcode.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType)
                yield return method.Module.ResolveMember(BitConverter.ToInt32(code, at), typeArguments, methodArguments)!;
            at += opcode.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }
}
