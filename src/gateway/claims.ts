import {
  ALIVE_PREFIX,
  type DatastoreName,
  type GatewayConfig,
  type GatewayName,
  LEADER_KEY,
  type SourceBatch,
} from '../model/index.ts'

export const aliveKey = (gateway: GatewayName): string => ALIVE_PREFIX + gateway

/** What a living gateway's configuration names; null: it cannot be read, so it may name anything. */
export interface Naming {
  readonly datastores: readonly string[]
  readonly gateways: readonly string[]
}

export interface Seen {
  readonly text: string
  readonly modRevision: number
}

/** These keys as the watch has told of them. */
export class Claims {
  readonly #seen = new Map<string, Seen>()
  #revision = 0

  /** Of the newest batch. */
  get revision(): number {
    return this.#revision
  }

  take({type, revision, upserts, deletes}: Pick<SourceBatch, 'type' | 'revision' | 'upserts' | 'deletes'>): void {
    this.#revision = revision
    if (type === 'list') this.#seen.clear()
    for (const {key, value, modRevision} of upserts) {
      if (isClaim(key)) this.#seen.set(key, {text: Buffer.from(value).toString('utf8'), modRevision})
    }
    for (const key of deletes) this.#seen.delete(key)
  }

  at(key: string): Seen | null {
    return this.#seen.get(key) ?? null
  }

  /** Name of the leading gateway; null: there is none, or its key cannot be read. */
  leader(): string | null {
    const value = parse(this.at(LEADER_KEY)?.text)
    return typeof value?.gateway === 'string' ? value.gateway : null
  }

  living(): ReadonlyMap<string, Naming | null> {
    return new Map(
      [...this.#seen].flatMap(([key, {text}]) =>
        key.startsWith(ALIVE_PREFIX) ? [[key.slice(ALIVE_PREFIX.length), parseNaming(text)] as const] : [],
      ),
    )
  }
}

const isClaim = (key: string): boolean => key === LEADER_KEY || key.startsWith(ALIVE_PREFIX)

export const leaderText = (gateway: GatewayName): string => JSON.stringify({gateway})

export function namingOf({datastores, gateway, twin}: Pick<GatewayConfig, 'datastores' | 'gateway' | 'twin'>): Naming {
  const names: DatastoreName[] = datastores.map(({name}) => name)
  return {datastores: names, gateways: twin === null ? [gateway] : [gateway, twin]}
}

export const namingText = ({datastores, gateways}: Naming): string => JSON.stringify({datastores, gateways})

function parseNaming(text: string): Naming | null {
  const value = parse(text)
  const [datastores, gateways] = [textsOf(value?.datastores), textsOf(value?.gateways)]
  return datastores && gateways && {datastores, gateways}
}

const textsOf = (value: unknown): string[] | null =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null

function parse(text: string | undefined): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    return typeof value === 'object' && value !== null ? {...value} : null
  } catch {
    return null
  }
}
