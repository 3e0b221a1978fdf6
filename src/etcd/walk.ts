import type {Etcd3} from 'etcd3'
import type {EtcdPermission, EtcdWalk, PasswordUser, TlsFiles, Walked} from '../model/index.ts'
import {CALL_TIMEOUT_MS, connect} from './client.ts'
import {errorText, isDenied} from './errors.ts'
import {rangeEnd} from './pages.ts'
import {asksForUsers} from './rights.ts'

export interface WalkOptions {
  readonly tls: TlsFiles | null
  /** null: the user comes by certificate. */
  readonly login: PasswordUser | null
  /** His name, either way. */
  readonly user: string | null
  readonly prefixes: readonly string[]
}

/**
 * Asks one endpoint what a gateway asks of it, a step after the other: is it an etcd with a leader, does it know us, may
 * we read, does a watch stand. Goes on where the next step can still say something. Never rejects.
 */
export async function walkEtcd(endpoint: string, {tls, login, user, prefixes}: WalkOptions): Promise<EtcdWalk> {
  const nowhere = {asks: null, user: null, ranges: [], watches: []}
  const opened = await walked(async () => {
    // That it is an etcd, and whether it asks, it tells everybody: a password that is wrong must not hide it.
    return {
      anybody: connect({endpoints: [endpoint], tls, user: null}),
      us: connect({endpoints: [endpoint], tls, user: login}),
    }
  })
  if (!opened.ok) return {status: opened, ...nowhere}
  const {anybody, us} = opened.value
  try {
    const status = await walked(async () => {
      const {version, leader} = await anybody.client(0).maintenance.status()
      return {version, hasLeader: leader !== '0'}
    })
    if (!status.ok) return {status, ...nowhere}
    const asks = await walked(() => asksForUsers(anybody.client(0)))
    const client = us.client(0)
    const rights = user !== null && asks.ok && asks.value ? await walked(() => rightsOf(client, user)) : null
    const ranges: EtcdWalk['ranges'][number][] = []
    for (const prefix of prefixes) {
      const found = await walked(async () => {
        const range = {key: Buffer.from(prefix), range_end: rangeEnd(prefix)}
        const {count, header} = await client.kv.range({...range, limit: 1, keys_only: true})
        return {keys: Number(count), revision: Number(header.revision)}
      })
      ranges.push({prefix, found})
    }
    const readable = ranges.flatMap(({prefix, found}) => (found.ok ? [prefix] : []))
    const watches = await openWatches(client, readable)
    return {status, asks, user: rights, ranges, watches}
  } finally {
    anybody.close()
    us.close()
  }
}

async function walked<T>(ask: () => Promise<T>): Promise<Walked<T>> {
  try {
    return {ok: true, value: await ask()}
  } catch (error) {
    return {ok: false, detail: errorText(error), denied: isDenied(error)}
  }
}

/** Everybody may ask about himself. */
async function rightsOf(
  {auth}: Etcd3,
  name: string,
): Promise<{readonly roles: readonly string[]; readonly permissions: readonly EtcdPermission[]}> {
  const {roles = []} = await auth.userGet({name})
  const permissions: EtcdPermission[] = []
  for (const role of roles) {
    const {perm = []} = await auth.roleGet({role})
    for (const {permType, key, range_end} of perm) {
      permissions.push({type: permType ?? 'Read', key: key.toString('utf8'), rangeEnd: range_end.toString('utf8')})
    }
  }
  return {roles, permissions}
}

/** All on one stream, as a gateway does: with a stream that is cancelled etcd3 drops the connection under other calls. */
async function openWatches({watchClient}: Etcd3, prefixes: readonly string[]): Promise<EtcdWalk['watches']> {
  if (prefixes.length === 0) return []
  const opened: EtcdWalk['watches'][number][] = []
  const all = await walked(async () => {
    const stream = await watchClient.watch()
    try {
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)), CALL_TIMEOUT_MS)
        const end = (fault: Error | null): void => {
          clearTimeout(late)
          if (fault) reject(fault)
          else resolve()
        }
        stream.on('error', end)
        stream.on('end', () => end(new Error('the server closed the stream')))
        // Answers come in the order of the requests.
        stream.on('data', ({canceled, created, cancel_reason}) => {
          if (!canceled && !created) return
          const detail = cancel_reason || 'the server cancelled the watch'
          const answer = canceled ? ({ok: false, detail, denied: false} as const) : ({ok: true, value: null} as const)
          opened.push({prefix: prefixes[opened.length]!, opened: answer})
          if (opened.length === prefixes.length) end(null)
        })
        for (const prefix of prefixes) {
          stream.write({
            create_request: {key: Buffer.from(prefix), range_end: rangeEnd(prefix), progress_notify: true},
          })
        }
      })
    } finally {
      stream.cancel()
    }
  })
  if (all.ok) return opened
  return [...opened, ...prefixes.slice(opened.length).map((prefix) => ({prefix, opened: all}))]
}
