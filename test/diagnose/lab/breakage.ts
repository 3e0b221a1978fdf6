import {CLI} from '../../../lab/gateway-daemon.ts'
import {command, inNamespace, must} from '../../../lab/processes.ts'
import type {World} from '../../../lab/world.ts'
import {type CheckReport, causesOf} from '../../../src/diagnose/index.ts'
import type {FindingCode} from '../../../src/model/index.ts'

/** One thing that goes wrong in the lab, and the one code that must tell of it. */
export interface Breakage {
  readonly code: FindingCode
  readonly name?: string
  /** Shell, in the namespace of `in`; or what the lab itself must do. */
  readonly broken?: string | ((world: World) => Promise<unknown>)
  readonly repaired?: string | ((world: World) => Promise<unknown>)
  /** Namespace of the two; default that of the gateway that is diagnosed. */
  readonly in?: string
  /**
   * Shell that runs before the diagnosis and in its own mounts, for what cannot be broken for real in a lab whose kernel is
   * everybody's: a file that says something else, a program that is not there. There it is gone with the diagnosis.
   */
  readonly seenAs?: string
  /** The daemon stands still, since it would mend this within a second; so it does not answer. */
  readonly frozen?: true
  /** What comes along beside what `causesOf` says, and why it must is in `name`. */
  readonly also?: readonly FindingCode[]
  /** Looked at without the daemon. */
  readonly status?: number
}

const A1 = {ref: 'a/a1', name: 'a1'} as const
const DIR = '/run/isthmus-lab/a1'

interface Answer {
  readonly status: number
  readonly ms: number
  readonly checks: readonly CheckReport[]
}

export async function diagnose(world: World, seenAs = ''): Promise<Answer> {
  const argv = [
    process.execPath,
    CLI,
    '--socket',
    `${DIR}/api.sock`,
    'diagnose',
    '--config',
    `${DIR}/gateway.yaml`,
    '-o',
    'json',
  ]
  const script = `${seenAs}\nexec ${argv.join(' ')}`
  const began = performance.now()
  const {status, stdout, stderr} = await command(
    inNamespace(world.namespace(A1.name), 'unshare', '-m', '--propagation', 'private', 'sh', '-ec', script),
  )
  const ms = performance.now() - began
  if (stdout === '') throw new Error(`status ${status}: ${stderr}`)
  return {status, ms, checks: (JSON.parse(stdout) as {checks: CheckReport[]}).checks}
}

/** Codes of what is more than information. */
export const codesIn = ({checks}: Answer): FindingCode[] => [
  ...new Set(
    checks.flatMap(({findings}) => findings.filter(({severity}) => severity !== 'info').map(({code}) => code)),
  ),
]

/** Why these codes are not what this breakage must show; null: they are. */
export function judgeCodes(codes: readonly FindingCode[], {code, frozen, also = []}: Breakage): string | null {
  if (!codes.includes(code)) return `${code} is not found; found: ${codes.join(', ') || 'nothing'}`
  const expected = new Set<FindingCode>([code, ...also, ...(frozen ? (['gateway-unreachable'] as const) : [])])
  const others = codes.filter((other) => !expected.has(other) && !causesOf(other).has(code))
  return others.length === 0 ? null : `beside ${code} there is ${others.join(', ')}`
}

export async function make(world: World, what: Breakage['broken'], where: string | undefined): Promise<void> {
  if (typeof what === 'function') await what(world)
  else if (what !== undefined) await must(inNamespace(world.namespace(where ?? A1.name), 'sh', '-ec', what))
}

export const freeze = (world: World): Promise<void> => world.signal(A1.ref, 'isthmus', 'SIGSTOP')
export const thaw = (world: World): Promise<void> => world.signal(A1.ref, 'isthmus', 'SIGCONT')

/** Looks again until it is as it should be; the last complaint is what the test fails with. */
export async function settles(what: string, look: () => Promise<string | null>, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs
  for (;;) {
    const complaint = await look()
    if (complaint === null) return
    if (performance.now() > end) throw new Error(`${what}: ${complaint}`)
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}
