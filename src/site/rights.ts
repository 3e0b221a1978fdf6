import type {EtcdPermission, EtcdRights, EtcdRightsStep, SiteName} from '../model/index.ts'

/** etcd's own name of the user who may change users; a certificate with this CN is he. */
export const ADMIN_USER = 'root'
/** Every gateway of the site. */
export const GATEWAY_USER = 'isthmus'
const REMOTE_ROLE = 'isthmus-remote'

/** One user a remote site, so that one can be turned away without the others. */
export const remoteUser = (site: SiteName): string => `isthmus-remote-${site}`

const CALICO_TREE = '/calico/'
const OWN_TREE = '/isthmus/'
const EXPORT_TREE = '/isthmus/v1/export/'

const below = (prefix: string, type: EtcdPermission['type']): EtcdPermission => ({
  type,
  key: prefix,
  rangeEnd: prefix.replace(/\/$/, '0'),
})

interface Wanted {
  readonly roles: readonly (readonly [role: string, permissions: readonly EtcdPermission[]])[]
  readonly users: readonly (readonly [user: string, role: string])[]
  readonly enabled: boolean
}

/**
 * The steps from what etcd has to what a site needs; none if it has it. What is there besides stays. Asking for users is
 * switched on last: before that whoever may call may do everything, after it whoever is not known may do nothing.
 */
export function planRights(held: EtcdRights, calicoUsers: readonly string[]): EtcdRightsStep[] {
  return stepsTo(held, {
    roles: [
      [ADMIN_USER, []],
      [GATEWAY_USER, [below(CALICO_TREE, 'Readwrite'), below(OWN_TREE, 'Readwrite')]],
      [REMOTE_ROLE, [below(EXPORT_TREE, 'Read')]],
      ...(calicoUsers.length > 0 ? [['calico', [below(CALICO_TREE, 'Readwrite')]] as const] : []),
    ],
    users: [
      [ADMIN_USER, ADMIN_USER],
      [GATEWAY_USER, GATEWAY_USER],
      ...calicoUsers.map((user) => [user, 'calico'] as const),
    ],
    enabled: true,
  })
}

/** The user of one remote site; whether etcd asks for users at all is `site init`'s business. */
export function planRemoteRights(held: EtcdRights, site: SiteName): EtcdRightsStep[] {
  return stepsTo(held, {
    roles: [[REMOTE_ROLE, [below(EXPORT_TREE, 'Read')]]],
    users: [[remoteUser(site), REMOTE_ROLE]],
    enabled: held.enabled,
  })
}

function stepsTo(held: EtcdRights, wanted: Wanted): EtcdRightsStep[] {
  const steps: EtcdRightsStep[] = []
  for (const [role, permissions] of wanted.roles) {
    const has = held.roles.get(role)
    if (!has) steps.push({do: 'add-role', role})
    for (const permission of permissions) {
      if (!has?.some((one) => covers(one, permission))) steps.push({do: 'grant', role, permission})
    }
  }
  for (const [user, role] of wanted.users) {
    const has = held.users.get(user)
    if (!has) steps.push({do: 'add-user', user})
    if (!has?.includes(role)) steps.push({do: 'give-role', user, role})
  }
  if (wanted.enabled && !held.enabled) steps.push({do: 'enable'})
  return steps
}

/** etcd keeps a permission as it was given, one a range; ours are always the whole tree. */
function covers(held: EtcdPermission, wanted: EtcdPermission): boolean {
  const type = held.type === wanted.type || held.type === 'Readwrite'
  return type && held.key <= wanted.key && held.rangeEnd >= wanted.rangeEnd
}

/** What remote sites may do beyond reading the export, in words; somebody gave it to them by hand. */
export function wideRights({users, roles}: EtcdRights): string[] {
  const wide: string[] = []
  for (const {type, key, rangeEnd} of roles.get(REMOTE_ROLE) ?? []) {
    const [from, to] = [below(EXPORT_TREE, 'Read').key, below(EXPORT_TREE, 'Read').rangeEnd]
    const inside = key >= from && (rangeEnd === '' ? key < to : rangeEnd <= to && rangeEnd !== '\0')
    if (type !== 'Read' || !inside) wide.push(`role ${REMOTE_ROLE} has ${type.toLowerCase()} on ${key}…`)
  }
  for (const [user, has] of users) {
    const others = user.startsWith(`${REMOTE_ROLE}-`) ? has.filter((role) => role !== REMOTE_ROLE) : []
    if (others.length > 0) wide.push(`user ${user} also has ${others.join(', ')}`)
  }
  return wide
}
