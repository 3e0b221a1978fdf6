import {readFile} from 'node:fs/promises'
import {ifMissing} from '../model/index.ts'

export interface ConntrackUse {
  readonly entries: number
  readonly limit: number
}

const FOLDER = '/proc/sys/net/netfilter'

/** How full the connection table of this network namespace is; null where the kernel has loaded no conntrack. */
export async function readConntrack(): Promise<ConntrackUse | null> {
  const [entries, limit] = await Promise.all([number('nf_conntrack_count'), number('nf_conntrack_max')])
  return entries === null || limit === null ? null : {entries, limit}
}

async function number(name: string): Promise<number | null> {
  const text = await readFile(`${FOLDER}/${name}`, 'utf8').catch(ifMissing(null))
  return text === null ? null : Number(text)
}
