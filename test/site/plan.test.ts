import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {EtcdPermission, EtcdRights, EtcdRightsStep, SiteName} from '../../src/model/index.ts'
import {parsePrefix} from '../../src/net/index.ts'
import {
  findOverlaps,
  parseManifest,
  planRemoteRights,
  planRights,
  printManifest,
  wantedCertificates,
  wideRights,
} from '../../src/site/index.ts'

const A = 'a' as SiteName
const B = 'b' as SiteName
const NOTHING: EtcdRights = {enabled: false, users: new Map(), roles: new Map()}

/** What etcd would hold after these steps; throws where etcd would refuse one. */
function done(held: EtcdRights, steps: readonly EtcdRightsStep[]): EtcdRights {
  const users = new Map([...held.users].map(([user, roles]) => [user, [...roles]]))
  const roles = new Map([...held.roles].map(([role, permissions]) => [role, [...permissions]]))
  let enabled = held.enabled
  const known = <T>(value: T | undefined): T => {
    assert.ok(value)
    return value
  }
  for (const step of steps) {
    if (step.do === 'add-role') roles.set(step.role, [])
    else if (step.do === 'grant') known(roles.get(step.role)).push(step.permission)
    else if (step.do === 'add-user') users.set(step.user, [])
    else if (step.do === 'give-role') {
      assert.ok(roles.has(step.role))
      known(users.get(step.user)).push(step.role)
    } else if (step.do === 'delete-user') users.delete(step.user)
    else {
      assert.ok(users.get('root')?.includes('root'))
      enabled = true
    }
  }
  return {enabled, users, roles}
}

describe('planRights', () => {
  const text = (steps: readonly EtcdRightsStep[]): string[] =>
    steps.map((step) =>
      Object.values(step)
        .map((part) => (typeof part === 'string' ? part : `${part.type} ${part.key}`))
        .join(' '),
    )

  it('from nothing, in an order that etcd takes, asking last', () => {
    assert.deepEqual(text(planRights(NOTHING, [])), [
      'add-role root',
      'add-role isthmus',
      'grant isthmus Readwrite /calico/',
      'grant isthmus Readwrite /isthmus/',
      'add-role isthmus-remote',
      'grant isthmus-remote Read /isthmus/v1/export/',
      'add-user root',
      'give-role root root',
      'add-user isthmus',
      'give-role isthmus isthmus',
      'enable',
    ])
    assert.deepEqual(text(planRemoteRights(NOTHING, B)).slice(2), [
      'add-user isthmus-remote-b',
      'give-role isthmus-remote-b isthmus-remote',
    ])
  })

  it('from any part of it: what is missing, and then nothing', () => {
    const full = planRights(NOTHING, ['felix'])
    fc.assert(
      fc.property(fc.nat(full.length), (count) => {
        const held = done(NOTHING, full.slice(0, count))
        const rest = planRights(held, ['felix'])
        assert.deepEqual(rest, full.slice(count))
        assert.deepEqual(planRights(done(held, rest), ['felix']), [])
      }),
    )
  })

  it('what remote sites may do beyond the export is seen', () => {
    const permission = (type: EtcdPermission['type'], key: string, rangeEnd: string): EtcdPermission => ({
      type,
      key,
      rangeEnd,
    })
    const wide = (...permissions: EtcdPermission[]): number =>
      wideRights({...NOTHING, roles: new Map([['isthmus-remote', permissions]])}).length
    assert.equal(wide(permission('Read', '/isthmus/v1/export/', '/isthmus/v1/export0')), 0)
    assert.equal(wide(permission('Read', '/isthmus/v1/export/meta', '')), 0)
    assert.equal(wide(permission('Readwrite', '/isthmus/v1/export/', '/isthmus/v1/export0')), 1)
    assert.equal(wide(permission('Read', '/isthmus/', '/isthmus0')), 1)
    assert.equal(wide(permission('Read', '/isthmus/v1/export/', '\0')), 1)
    assert.equal(wide(permission('Read', '', '\0')), 1)
    const users = new Map([['isthmus-remote-b', ['isthmus-remote', 'root']]])
    assert.deepEqual(wideRights({...NOTHING, users}), ['user isthmus-remote-b also has root'])
  })
})

describe('wantedCertificates', () => {
  it('peers have an authority of their own, and no server is a user', () => {
    const orders = wantedCertificates({site: A, servers: [{name: 'm1', hosts: ['192.0.2.1']}], calicoUsers: ['felix']})
    assert.deepEqual(
      orders.map(
        ({name, issuer, usages, subject}) => `${name} by ${issuer} for ${usages.join('+')} as ${subject.commonName}`,
      ),
      [
        'ca by null for  as isthmus a etcd',
        'peer-ca by null for  as isthmus a etcd peers',
        'etcd-m1 by ca for serverAuth+clientAuth as null',
        'peer-m1 by peer-ca for serverAuth+clientAuth as null',
        'admin by ca for clientAuth as root',
        'gateway by ca for clientAuth as isthmus',
        'calico-felix by ca for clientAuth as felix',
      ],
    )
  })
})

describe('a manifest', () => {
  const manifest = {
    ...{site: A, for: B, owns: [parsePrefix('10.1.0.0/16')!], interconnect: [parsePrefix('100.64.0.0/16')!]},
    endpoints: ['https://192.0.2.1:2379', 'https://[fd00::1]:2379'],
  }

  it('comes back as it was', () => assert.deepEqual(parseManifest(printManifest(manifest)), manifest))

  it('of anybody else is refused with a reason, whatever it is', () => {
    const fields = Object.keys(manifest)
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.jsonValue(), (field, value) => {
        const parsed = parseManifest(JSON.stringify({version: 1, ...manifest, [field]: value}))
        if ('fault' in parsed) assert.match(parsed.fault, new RegExp(`^${field}: `))
      }),
    )
    fc.assert(fc.property(fc.string(), (text) => assert.ok('fault' in parseManifest(text))))
    const evil = {...manifest, endpoints: ['https://x:1"}\nauthorities: [evil]']}
    assert.deepEqual(parseManifest(JSON.stringify({version: 1, ...evil})), {
      fault: 'endpoints: no list of https://HOST:PORT',
    })
  })
})

describe('findOverlaps', () => {
  const claims = (site: SiteName, ...owns: string[]) => ({site, owns: owns.map((text) => parsePrefix(text)!)})
  it('names both sides of every pair, and never a site with itself', () => {
    const known = [claims(A, '10.1.0.0/16', 'fd00:1::/48'), claims(B, '10.2.0.0/16')]
    const interconnect = [parsePrefix('100.64.0.0/16')!]
    const told = (...owns: string[]): string[] =>
      findOverlaps(claims(B, ...owns), known, interconnect, 'site b').map(({detail}) => detail)
    assert.deepEqual(told('10.2.0.0/16'), [])
    assert.deepEqual(told('10.0.0.0/8', '100.64.1.0/24', 'fd00:1::/64'), [
      "site b's 10.0.0.0/8 overlaps site a's 10.1.0.0/16",
      "site b's 100.64.1.0/24 overlaps interconnect's 100.64.0.0/16",
      "site b's fd00:1::/64 overlaps site a's fd00:1::/48",
    ])
  })
})
