import {spawn} from 'node:child_process'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import type {Namespace} from './namespace.ts'

const SCRIPT = fileURLToPath(new URL('./send-packets.ts', import.meta.url))

/** Sends whole IP packets from a namespace, one after the other. */
export interface PacketSender {
  send(...packets: readonly Buffer[]): Promise<void>
  stop(): void
}

export async function startPacketSender({name}: Namespace): Promise<PacketSender> {
  const child = spawn('ip', ['netns', 'exec', name, process.execPath, SCRIPT], {stdio: ['pipe', 'pipe', 'inherit']})
  const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]()
  const answer = async (): Promise<void> => {
    if ((await lines.next()).done) throw new Error('the sender of packets has ended')
  }
  await answer()
  return {
    async send(...packets) {
      child.stdin.write(`${packets.map((packet) => packet.toString('hex')).join(' ')}\n`)
      await answer()
    },
    stop: () => void child.kill('SIGKILL'),
  }
}
