import type {Finding} from '../model/index.ts'
import {loadDraining, saveDraining} from '../store/index.ts'

/** Whether this gateway is being emptied: whoever has another way is to take it (RFC 8326). */
export interface Drain {
  /** Since when, ISO 8601; null: it is not. */
  since(): string | null
  /** Written down before it counts, so that a restart does not bring traffic back. */
  set(on: boolean): Promise<void>
  findings(): readonly Finding[]
}

export async function createDrain(stateDir: string, nowIso: () => string, trigger: () => void): Promise<Drain> {
  const stored = await loadDraining(stateDir)
  let {since} = stored
  return {
    since: () => since,
    async set(on) {
      if (on === (since !== null)) return
      const wanted = on ? nowIso() : null
      await saveDraining(stateDir, wanted)
      since = wanted
      trigger()
    },
    findings: () => [...stored.findings, ...(since === null ? [] : [draining(since)])],
  }
}

const draining = (since: string): Finding => ({
  code: 'draining',
  severity: 'warning',
  where: {source: 'routing'},
  detail: `since ${since} others are asked to use another way than this gateway`,
  remedy: '`isthmus undrain` ends it',
})
