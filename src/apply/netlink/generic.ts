import {execFile} from 'node:child_process'
import {createGenericNetlink, type GenericNetlinkSocket, genl} from 'netlink'
import {errnoCode, StepFailure} from '../failure.ts'

const BUFFERS = {recvBufferSize: 1 << 20, sendBufferSize: 1 << 18}
const MODPROBE_MS = 10_000
/** A module that is missing is wanted again with each pass, of which a busy site makes many a second. */
const MODPROBE_EVERY_MS = 10_000
export const DUMP = 0x300

/** One family of generic netlink, as `wireguard` and `fou` are. */
export interface GenericFamily {
  /** Whether the kernel has it already; never makes it load a module. */
  isThere(): Promise<boolean>
  /** Loads the module of that name, which the kernel does not do by itself for each. Throws StepFailure `unsupported`. */
  load(): Promise<void>
  /** Throws StepFailure: `unsupported` while the family is not there, or what the errno says. */
  request(command: number, attributes: Buffer, flags?: number): Promise<Buffer[]>
  close(): void
}

/** A family's number is looked up when it is needed: until the first device the kernel may not have loaded its module. */
export function openGenericFamily(name: string, version: number, nowMs = () => performance.now()): GenericFamily {
  const generic: GenericNetlinkSocket = createGenericNetlink(BUFFERS)
  let family: number | null = null
  let tried: {readonly words: string; readonly atMs: number} | null = null

  const missing = (): StepFailure =>
    new StepFailure('unsupported', `the kernel has no module ${name}, or has not loaded it`)

  async function isThere(): Promise<boolean> {
    if (family === null) {
      const families = await asFailure(name, generic.ctrlRequest(genl.Commands.GET_FAMILY, {}, {flags: DUMP}))
      family = families.find(({familyName}) => familyName === name)?.familyId ?? null
    }
    return family !== null
  }

  return {
    isThere,
    async load() {
      if (await isThere()) return
      if (!tried || nowMs() - tried.atMs >= MODPROBE_EVERY_MS) tried = {words: await modprobe(name), atMs: nowMs()}
      if (!(await isThere())) throw new StepFailure('unsupported', `the kernel has no module ${name}: ${tried.words}`)
    },
    async request(command, attributes, flags = 0) {
      if (!(await isThere())) throw missing()
      const [messages] = await asFailure(name, generic.request(family!, command, version, attributes, {flags}))
      return messages.map(({data}) => data)
    },
    close: () => generic.socket.close(),
  }
}

/** What modprobe has to say; whether it helped, the kernel tells. */
function modprobe(name: string): Promise<string> {
  const env = {...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`}
  return new Promise((resolve) => {
    execFile('modprobe', [name], {env, timeout: MODPROBE_MS}, (error, _, complaint) =>
      resolve(complaint.trim() || error?.message || 'modprobe has nothing to say'),
    )
  })
}

/** The library puts the errno into its message and nowhere else. */
async function asFailure<T>(name: string, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    const errno = error instanceof Error ? /^Request rejected: (E[A-Z0-9]+)$/.exec(error.message)?.[1] : undefined
    if (errno === undefined) throw error
    throw new StepFailure(errnoCode(errno), `${name}: ${errno}`)
  }
}
