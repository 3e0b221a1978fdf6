import {spawn} from 'node:child_process'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import type {PodPlan} from '../network/plan.ts'
import {inNamespace} from '../processes.ts'
import type {Connected, Flows, Received, Request, Sent, Tries} from './protocol.ts'

type Body = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never

/** The VM has it bundled: six that strip their own types at once cost an emulated CPU half a minute. */
const PROGRAM = process.env.ISTHMUS_LAB_AGENT ?? join(import.meta.dirname, 'agent.ts')

/** The lab's end of one pod's agent. */
export interface Agent {
  connect(to: string, port: number, timeoutMs: number): Promise<Connected>
  startUdp(to: string, intervalMs: number, answered?: boolean): Promise<void>
  stopUdp(): Promise<Sent>
  received(): Promise<Received>
  /** A new measurement: what arrived until now is not of it. */
  forget(): Promise<void>
  startFlows(to: string, everyMs: number): Promise<void>
  stopFlows(): Promise<Flows>
  startTries(to: string, port: number, everyMs: number): Promise<void>
  stopTries(): Promise<Tries>
  close(): void
}

export async function startAgent(pod: PodPlan): Promise<Agent> {
  const ports = pod.ports.map(String)
  const [file, ...args] = inNamespace(pod.namespace, process.execPath, PROGRAM, pod.address, ...ports)
  const child = spawn(file!, args, {stdio: ['pipe', 'pipe', 'inherit']})
  const waiting = new Map<number, {resolve: (value: unknown) => void; reject: (error: Error) => void}>()
  let next = 0
  const ready = new Promise<void>((resolve, reject) => {
    child.once('exit', (status) => {
      const error = new Error(`the agent of ${pod.ref} ended with status ${status}`)
      reject(error)
      for (const {reject: refuse} of waiting.values()) refuse(error)
      waiting.clear()
    })
    createInterface({input: child.stdout}).on('line', (line) => {
      const answer = JSON.parse(line) as {ready?: true; id?: number; result?: unknown; error?: string}
      if (answer.ready) return resolve()
      const waiter = waiting.get(answer.id ?? -1)
      waiting.delete(answer.id ?? -1)
      if (answer.error === undefined) waiter?.resolve(answer.result)
      else waiter?.reject(new Error(answer.error))
    })
  })
  child.stdin.on('error', () => undefined)
  const ask = <T>(body: Body): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = next++
      waiting.set(id, {resolve: (value) => resolve(value as T), reject})
      child.stdin.write(`${JSON.stringify({id, ...body})}\n`)
    })
  await ready
  return {
    connect: (to, port, timeoutMs) => ask({do: 'connect', to, port, timeoutMs}),
    startUdp: (to, intervalMs, answered = false) => ask({do: 'udp-start', to, intervalMs, answered}),
    stopUdp: () => ask({do: 'udp-stop'}),
    received: () => ask({do: 'udp-received'}),
    forget: () => ask({do: 'udp-forget'}),
    startFlows: (to, everyMs) => ask({do: 'flows-start', to, everyMs}),
    stopFlows: () => ask({do: 'flows-stop'}),
    startTries: (to, port, everyMs) => ask({do: 'tries-start', to, port, everyMs}),
    stopTries: () => ask({do: 'tries-stop'}),
    close: () => child.stdin.end(),
  }
}
