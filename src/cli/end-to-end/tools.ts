import {execFile} from 'node:child_process'
import {echo, probeOnce} from '../../probe/index.ts'
import {ownAddresses} from '../path/legs.ts'

/** Runs a program; `said` is what it wrote, of one that failed on stderr. */
export type Tool = (file: string, ...args: string[]) => Promise<{readonly ok: boolean; readonly said: string}>

/** What the machine is asked with. */
export interface Tools {
  readonly tool: Tool
  readonly echo: typeof echo
  readonly probeOnce: typeof probeOnce
  /** Of this machine. */
  readonly addresses: () => readonly string[]
}

/** A table with a million elements is some 100 MB of JSON, and takes nft as many seconds as ten. */
const MOST_BYTES = 1 << 30
const LONGEST_MS = 60_000

const tool: Tool = (file, ...args) =>
  new Promise((resolve) => {
    execFile(file, args, {maxBuffer: MOST_BYTES, timeout: LONGEST_MS, encoding: 'utf8'}, (error, stdout, stderr) =>
      resolve(error ? {ok: false, said: stderr.trim() || error.message} : {ok: true, said: stdout}),
    )
  })

export const machineTools: Tools = {tool, echo, probeOnce, addresses: ownAddresses}
