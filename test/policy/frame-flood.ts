import {parentPort, workerData} from 'node:worker_threads'
import {frameSender} from './raw-packet.ts'

/** A worker that sends the frames in turn, as fast as it can, until told to stop; then it says how many rounds. */
const {device, frames, running} = workerData as {device: string; frames: Uint8Array[]; running: Int32Array}
const sender = frameSender(device)
const buffers = frames.map((frame) => Buffer.from(frame))
let rounds = 0
while (Atomics.load(running, 0) === 1) {
  for (let count = 0; count < 100; count++) for (const frame of buffers) sender.send(frame)
  rounds += 100
}
sender.close()
parentPort!.postMessage(rounds)
