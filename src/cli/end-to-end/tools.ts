import {echo, probeOnce} from '../../probe/index.ts'
import {ownAddresses} from '../path/legs.ts'
import {runProgram} from '../run-program.ts'

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

/** nft takes as many seconds as ten for a table with a million elements. */
const LONGEST_MS = 60_000

const tool: Tool = async (file, ...args) => {
  const {ok, out, why} = await runProgram(file, args, {timeoutMs: LONGEST_MS})
  return {ok, said: ok ? out : why}
}

export const machineTools: Tools = {tool, echo, probeOnce, addresses: ownAddresses}
