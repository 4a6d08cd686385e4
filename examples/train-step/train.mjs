// Runs a training step of `rewrite --train-step` again and again under onnxruntime-node and prints the losses.
// Usage: node train.mjs STEP.onnx [STEPS [RATE]]; STEP.safetensors, with the first weights, stands beside the model.
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';

const [path, steps = '100', rate = '1e-3'] = process.argv.slice(2);
const session = await ort.InferenceSession.create(path);

// Parameters and running statistics begin with what the safetensors file holds.
const carried = readSafeTensors(path.replace(/\.onnx$/, '.safetensors'));
const feeds = { learning_rate: new ort.Tensor('float32', Float32Array.of(Number(rate)), []) };
for (const input of session.inputMetadata) {
  if (input.name in carried || input.name in feeds) continue;
  const dims = input.shape.map((d) => (typeof d === 'number' ? d : 4)); // a batch of four
  const count = dims.reduce((a, b) => a * b, 1);
  const isState = session.outputNames.includes(`new/${input.name}`);
  if (isState) carried[input.name] = tensor(input.type, count, dims, () => 0); // states and the number of steps begin with zero
  else if (input.type === 'int64') feeds[input.name] = tensor('int64', count, dims, (i) => (i * 31) % 10); // classes
  else feeds[input.name] = tensor('float32', count, dims, (i) => ((i * 7919) % 1000) / 500 - 1); // data
}

for (let step = 0; step < Number(steps); step++) {
  const outputs = await session.run({ ...feeds, ...carried });
  // What the output new/NAME gives is what the input NAME takes next.
  for (const name in carried) carried[name] = outputs[`new/${name}`];
  console.log(outputs.loss.data[0]);
}

function tensor(type, count, dims, value) {
  return type === 'int64'
    ? new ort.Tensor('int64', BigInt64Array.from({ length: count }, (_, i) => BigInt(value(i))), dims)
    : new ort.Tensor('float32', Float32Array.from({ length: count }, (_, i) => value(i)), dims);
}

function readSafeTensors(file) {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  return Object.fromEntries(Object.entries(header).filter(([name]) => name !== '__metadata__').map(([name, { shape, data_offsets: [start, end] }]) => {
    const copy = new Uint8Array(bytes.subarray(8 + length + start, 8 + length + end));
    return [name, new ort.Tensor('float32', new Float32Array(copy.buffer), shape)];
  }));
}
