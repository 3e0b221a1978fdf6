import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {WriteGuard} from '../../src/apply/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import {type Sources, startSources} from '../../src/gateway/sources.ts'
import {startWriteBack, type WriteBack} from '../../src/gateway/write-back.ts'
import type {DatastoreName, GatewayConfig, Presence, WriteBackConfig} from '../../src/model/index.ts'
import {address, configOf, EXPORTING, remote, site} from './sites.ts'
import {watchClock} from './watch-clock.ts'

export const WRITE_BACK: WriteBackConfig = {
  ...{sets: true, namespaces: ['shop'], dryRun: false, pools: {encapsulation: 'never', bgpExport: false}},
  peers: [{address: address('192.168.10.1'), nodeSelector: 'all()'}],
}

/** As much of a gateway as reads etcd and writes back: site a, whose Calico and the export of site b are at these addresses. */
export interface WriteBackGateway {
  readonly writeBack: WriteBack
  readonly logged: readonly string[]
  /** What of site b is in force. */
  become(presence: Presence): void
  stop(): Promise<void>
}

export async function startWriteBackGateway(options: {
  readonly calico: string
  readonly remote: string
  readonly writeBack: WriteBackConfig | null
  readonly mayWrite?: () => readonly WriteGuard[] | null
  /** Its configuration does not name site b (any more). */
  readonly alone?: boolean
}): Promise<WriteBackGateway> {
  const state = mkdtempSync(path.join(tmpdir(), 'isthmus-write-back-'))
  const [name, b] = remote('b', '10.2.0.0/16', 'fd00:2::/48')
  const base = configOf()
  const config: GatewayConfig = {
    ...base,
    datastores: [
      {
        ...{name: 'main' as DatastoreName, kind: 'calico', endpoints: [options.calico], tls: null, user: null},
        ...{export: EXPORTING, writeBack: options.writeBack},
      },
    ],
    sites: options.alone ? new Map() : new Map([[name, {...b, endpoints: [options.remote]}]]),
    nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
    paths: {...base.paths, state},
  }
  const stop = new AbortController()
  const {signal} = stop
  const federation = new Federation(config)
  const logged: string[] = []
  const log = (values: object, text?: string): void => void logged.push(`${text} ${JSON.stringify(values)}`)
  let sources: Sources | null = null
  const writeBack = startWriteBack({
    ...{config, signal, log: {info: log, warn: log, error: log}, backoffMs: {first: 20, last: 200}, idleMs: 1000},
    reachable: (datastore) => sources?.states().get(`datastore/${datastore}`)?.connected ?? false,
    mayWrite: options.mayWrite ?? (() => []),
  })
  const take = (): void => {
    const world = federation.world()
    writeBack.takeMembers(federation.takeMemberChanges(), world)
  }
  sources = await startSources({
    ...{config, federation, clock: watchClock, signal, gate: createTurnstile()},
    onBatch: (batch) => writeBack.takeBatch(batch),
    onChange: () => queueMicrotask(take),
    onSaveFailed: (source, error) => logged.push(`${source} ${String(error)}`),
  })
  const reading = sources
  return {
    ...{writeBack, logged},
    become(presence) {
      for (const steps = federation.setPresence(name, presence); !steps.next().done; );
      take()
    },
    async stop() {
      stop.abort()
      await Promise.all([writeBack.done, reading.done])
      rmSync(state, {recursive: true, force: true})
    },
  }
}

export const SITE_A = site('a')
