import {type ChildProcess, spawn} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {eventually, type Namespace} from './namespace.ts'

const FLOW_END = fileURLToPath(new URL('./flow-end.ts', import.meta.url))

export interface FlowEnds {
  /** One end as a process that is ready, by the arguments of the script; how many lines it has printed. */
  start(namespace: Namespace, ...args: (string | number)[]): Promise<() => number>
  stop(): void
}

export function createFlowEnds(script = FLOW_END): FlowEnds {
  const running: ChildProcess[] = []
  return {
    async start({name}, ...args) {
      const child = spawn('ip', ['netns', 'exec', name, process.execPath, script, ...args.map(String)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      running.push(child)
      let lines = 0
      child.stdout.on('data', (data) => {
        lines += String(data).split('\n').length - 1
      })
      await eventually(() => lines > 0, 10_000)
      return () => lines
    },
    stop() {
      for (const child of running.splice(0)) child.kill('SIGKILL')
    },
  }
}
