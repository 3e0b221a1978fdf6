/** A role's permission on a range of keys. */
export interface EtcdPermission {
  readonly type: 'Read' | 'Write' | 'Readwrite'
  readonly key: string
  /** First key behind the range; empty: the one key only. */
  readonly rangeEnd: string
}

/** Who may do what in an etcd. */
export interface EtcdRights {
  /** Whether etcd asks at all. */
  readonly enabled: boolean
  /** User → its roles. */
  readonly users: ReadonlyMap<string, readonly string[]>
  readonly roles: ReadonlyMap<string, readonly EtcdPermission[]>
}

export type EtcdRightsStep =
  | {readonly do: 'add-role'; readonly role: string}
  | {readonly do: 'grant'; readonly role: string; readonly permission: EtcdPermission}
  | {readonly do: 'add-user'; readonly user: string}
  | {readonly do: 'give-role'; readonly user: string; readonly role: string}
  | {readonly do: 'delete-user'; readonly user: string}
  | {readonly do: 'enable'}
