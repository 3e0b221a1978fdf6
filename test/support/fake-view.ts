import assert from 'node:assert/strict'
import type {EndpointRow, GatewayStatus, GatewayView, Kind, Meant, Rows, Watched} from '../../src/api/index.ts'
import {fakeConsole} from './console-view.ts'

export const ENDPOINT: EndpointRow = {
  address: '10.1.0.5',
  real: null,
  site: 'a',
  kind: 'pod',
  names: ['default/web-1'],
  labels: {app: 'web'},
  source: 'datastore/main',
}

/** A gateway of site a with one tunnel to b, one to c that is down, and one broken record. */
export const STATUS: GatewayStatus = {
  site: 'a',
  gateway: 'a1',
  version: '0.1.0',
  startedAt: '2026-01-02T03:04:05.000Z',
  ready: true,
  waitingFor: null,
  drainingSince: null,
  tunnels: [
    {
      name: 'wan b/b1/wan 0',
      site: 'b',
      gateway: 'b1',
      uplink: 'wan',
      encapsulation: 'ipip',
      device: 'is-b-1f2e3d',
      local: '192.0.2.1',
      peer: '198.51.100.1',
      mtu: 1480,
      configuredMtu: 1480,
      probes: {
        small: {lastMs: 12.3, minMs: 11, avgMs: 12, maxMs: 19, jitterMs: 0.42, lossRatio: 0.025},
        full: {lastMs: 14, minMs: 13, avgMs: 14.1, maxMs: 20, jitterMs: 0.5, lossRatio: 0},
      },
      forms: {ipip: true, fou: null},
      up: true,
      rxBytes: 12_345_678,
      txBytes: 512,
      rxPackets: 9000,
      txPackets: 4,
      errors: 0,
    },
    {
      name: 'wan c/c1/wan 0',
      site: 'c',
      gateway: 'c1',
      uplink: 'wan',
      encapsulation: 'wireguard',
      device: 'is-c-aabbcc',
      local: '192.0.2.1',
      peer: '203.0.113.1',
      mtu: 1420,
      configuredMtu: 1420,
      probes: null,
      forms: null,
      up: false,
      rxBytes: 0,
      txBytes: 0,
      rxPackets: 0,
      txPackets: 0,
      errors: 3,
    },
  ],
  sessions: [
    {
      name: 'tun_b_b1_wan_1f2e3d',
      protocol: 'bgp',
      kind: 'tunnel',
      neighbor: '100.64.1.0',
      as: 4200000002,
      state: 'Established',
      up: true,
      since: '2026-01-02T03:04:10.000Z',
      imported: 4,
      exported: 3,
      lastError: null,
    },
  ],
  datastores: [
    {
      name: 'datastore/main',
      site: 'a',
      connected: true,
      synced: true,
      restored: false,
      revision: 77,
      ageSeconds: 0.4,
      keys: 120,
      decodeErrors: 1,
      lastError: null,
    },
    {
      name: 'export/b',
      site: 'b',
      connected: false,
      synced: false,
      restored: true,
      revision: 12,
      ageSeconds: 3700,
      keys: 30,
      decodeErrors: 0,
      lastError: 'connect ECONNREFUSED',
    },
  ],
  sites: [
    {
      name: 'a',
      local: true,
      ...{state: null, presence: 'open', silentSeconds: null, cutSeconds: null, via: []},
      as: 4200000001,
      granted: ['10.1.0.0/16'],
      prefixes: ['10.1.0.0/16'],
      gateways: 1,
      pods: 2,
      hosts: 0,
      sets: 1,
      staticPrefixes: 1,
      refused: 0,
    },
  ],
  policies: [
    {
      name: 'web',
      kind: 'GlobalNetworkPolicy',
      tier: 'default',
      order: 100,
      selector: "app == 'web'",
      types: ['Ingress'],
      rules: 2,
      site: 'a',
      staged: false,
      counts: {
        ...{flows: 1204, packets: 1310, bytes: 91_000, denied: 106, wouldAllow: null, wouldDeny: null, changes: []},
        rules: [
          {direction: 'ingress', rule: 0, action: 'allow', flows: 1100, packets: 1204, bytes: 84_000},
          {direction: 'ingress', rule: 1, action: 'deny', flows: 104, packets: 106, bytes: 7000},
        ],
      },
    },
  ],
  findings: [
    {
      code: 'record-not-json',
      severity: 'error',
      where: {source: 'datastore main', key: '/calico/resources/v3/projectcalico.org/tiers/t'},
      detail: 'Unexpected end of JSON input',
      remedy: 'mend or delete the key',
    },
  ],
  reconcile: {
    lastSuccess: '2026-01-02T03:05:00.000Z',
    durationMs: 12.4,
    passes: 40,
    errors: 1,
    dirty: false,
    lastErrors: [],
  },
  export: {leader: 'a1', leads: true, leaseAgeSeconds: 0.9, lastError: null},
  nft: {
    ...{classes: 7, verdictEntries: 12, chains: 9, generation: 3, drops: [{reason: 'policy-egress b', packets: 5}]},
    fastPath: {devices: 3, packets: 70, judgedPackets: 20, judges: true, missing: null},
  },
}

const STAGED: Rows['policies'] = {
  ...STATUS.policies[0]!,
  ...{name: 'next', kind: 'StagedGlobalNetworkPolicy', staged: true, rules: 1},
  counts: {
    ...{flows: 0, packets: 0, bytes: 0, denied: 0, wouldAllow: 2, wouldDeny: 31, rules: []},
    changes: [
      {direction: 'ingress', would: 'allow', flows: 2, packets: 2, bytes: 120},
      {direction: 'ingress', would: 'deny', flows: 31, packets: 40, bytes: 2400},
    ],
  },
}

const CONFLICT: Rows['conflicts'] = {
  over: '10.2.0.9',
  code: 'endpoint-not-owned',
  severity: 'warning',
  sides: [
    {site: 'b', says: 'owns 10.2.0.0/16'},
    {site: 'a', says: 'default/web-1 (datastore/main)'},
  ],
  firstCounts: true,
  remedy: 'take the address out of site a, or grant its prefix to one site only',
}

const PEER: Rows['peers'] = {
  ...{name: 'wan b/b1/wan 0', kind: 'tunnel', session: 'tun_b_b1_wan_1f2e3d', address: '100.64.1.0', as: 4200000002},
  ...{state: 'Established', up: true, since: '2026-01-02T03:04:10.000Z', bfd: true},
  ...{received: 5, accepted: 4, filtered: 1, exported: 3, limit: 10_000, overLimit: false, lastError: null},
}

const ROUTE: Rows['routes'] = {
  ...{name: '10.2.5.0/24', best: true, site: 'b', kind: 'tunnel', protocol: PEER.session, peer: PEER.name},
  ...{dest: 'unicast', via: [{address: '100.64.1.0', device: 'is-b-1f2e3d'}], refusedByKernel: false, preference: 100},
  bgp: {path: [4200000002], localPref: 100, med: null, origin: 'IGP', communities: []},
}

const ROWS: {readonly [K in Kind]: readonly Rows[K][]} = {
  tunnels: STATUS.tunnels,
  sessions: STATUS.sessions,
  peers: [PEER],
  routes: [ROUTE],
  datastores: STATUS.datastores,
  sites: STATUS.sites,
  policies: [...STATUS.policies, STAGED],
  findings: STATUS.findings,
  conflicts: [CONFLICT],
  gateways: [{name: 'b/b1', site: 'b', local: false, uplinks: ['wan'], alive: null, leader: false}],
  endpoints: [ENDPOINT],
  tiers: [{name: 'default', order: null, defaultAction: 'Deny', policies: 1, endDenied: 3}],
  nodes: [],
  classes: [{name: '1', addresses: 2, site: 'a', labels: {app: 'web'}}],
  writebacks: [{name: 'ippools/isthmus-b-10-2-0-0-16', datastore: 'main', state: 'held'}],
}

const nameOf = (row: object): string =>
  'over' in row
    ? String(row.over)
    : 'name' in row
      ? String(row.name)
      : 'address' in row
        ? String(row.address)
        : 'code' in row
          ? String(row.code)
          : ''

/** The same gateway, as the log of changes looks at it. */
export const WATCHED: Watched = {
  config: {version: 2, how: 'applied', pending: false},
  drainingSince: null,
  leader: 'a1',
  tunnels: STATUS.tunnels,
  sessions: STATUS.sessions,
  datastores: STATUS.datastores,
  sites: [
    {name: 'a', state: null},
    {name: 'b', state: 'fresh'},
  ],
  policies: [{name: 'GlobalNetworkPolicy web', document: {order: 100}}],
  findings: STATUS.findings,
}

/** A view over fixed data; each test replaces what it is about. */
export function fakeView(parts: Partial<GatewayView> = {}): GatewayView {
  return {
    status: () => STATUS,
    watched: () => WATCHED,
    get: <K extends Kind>(kind: K, {name = null}: Meant = {}): Iterable<Rows[K]> => {
      const rows: readonly Rows[K][] = ROWS[kind]
      return rows.filter((row) => name === null || nameOf(row) === name)
    },
    whyNot: async (prefix) => ({
      ok: true,
      answer: {
        ...{prefix, here: false, why: 'it is granted to no site'},
        steps: [{step: 'owner', ok: false, evidence: 'it is granted to no site', remedy: 'grant it'}],
      },
    }),
    reach: (address) => ({
      ok: true,
      answer: {
        ...{address, class: '1', ingress: ['default/web'], egress: [], refused: 3},
        from: [{site: 'b', labels: {app: 'db'}, traffic: 'tcp 5432'}],
      },
    }),
    trace: (flow) =>
      typeof flow === 'object' && flow !== null && 'from' in flow
        ? {ok: true, answer: {verdict: 'allow', reason: 'default', from: flow.from}}
        : {ok: false, problem: 'from: missing'},
    drain: async () => undefined,
    rotateKeys: async () => ({ok: true, tunnels: []}),
    reload: async () => ({ok: true, findings: []}),
    console: fakeConsole(),
    configuration: {
      inForce: () => ({version: 2, text: 'version: 1\n'}),
      version: async (version) => (version < 3 ? `version: ${version}\n` : null),
      history: () => ({versions: [], inForce: 2, pending: null}),
      apply: async () => assert.fail('apply'),
      confirm: async () => assert.fail('confirm'),
      rollback: async () => assert.fail('rollback'),
    },
    metrics: async () => ({contentType: 'text/plain; version=0.0.4', text: 'isthmus_up 1\n'}),
    ...parts,
  }
}
