import {stringify} from 'yaml'
import {documentEntries, type Entry} from '../../lab/site/calico-data.ts'
import {type AttributeSet, attributeSetId, SITE_LABEL} from '../../src/model/index.ts'
import type {FederationPlan} from './federation-plan.ts'

/** Label sets and namespaces of each site's pods. */
const APPS = 2000
const NAMESPACES = 80
const EXPORT = '/isthmus/v1/export/'

export const siteName = (site: number): string => `s${site}`

export const uplinkAddress = (index: number): string => `192.0.2.${1 + index}`

/** A /14: room for a quarter of a million pods. */
const sitePrefix = (site: number): string => `10.${32 + 4 * site}.0.0/14`

/** Pod `index` of a site: its address says who it is. */
export const addressOf = (site: number, index: number): string =>
  `10.${32 + 4 * site + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`

/** What policies can tell apart: the site, and the app if one of them names it. */
export const kindOf = ({policies}: Pick<FederationPlan, 'policies'>, site: number, index: number): string =>
  `${site} ${Math.min(index % APPS, policies)}`

function attributesOf(site: number, app: number): AttributeSet {
  const namespace = `ns-${app % NAMESPACES}`
  const labels = {
    [SITE_LABEL]: siteName(site),
    app: `app-${app}`,
    'pcns.projectcalico.org/name': namespace,
    'projectcalico.org/namespace': namespace,
    tier: app % 2 ? 'front' : 'back',
  }
  return {kind: 'pod', labels, namespace, serviceAccount: null, ports: []}
}

/** As a leader writes it (formats.md). */
export function exportOf(plan: FederationPlan, site: number): {records: Entry[]; endpoint: (index: number) => Entry} {
  const sets = Array.from({length: APPS}, (_, app) => attributesOf(site, app))
  const ids = sets.map(attributeSetId)
  const endpoint = (index: number): Entry => {
    const app = index % APPS
    const key = `${EXPORT}endpoints/main/${addressOf(site, index)}/${ids[app]}`
    return [key, JSON.stringify({n: [`ns-${app % NAMESPACES}/app-${app}-5d9c7b8f4-${index}`]})]
  }
  const records: Entry[] = [
    [`${EXPORT}meta`, JSON.stringify({schema: 1, site: siteName(site), generation: 1, local: []})],
    ...(plan.uplinks > 0 ? [[`${EXPORT}gateways/g1`, JSON.stringify(gatewayOf(plan, site))] satisfies Entry] : []),
    [`${EXPORT}site`, JSON.stringify({as: 4200000100 + site, prefixes: [sitePrefix(site)], infrastructure: []})],
    ...sets.map((set, app): Entry => [`${EXPORT}attributes/${ids[app]}`, JSON.stringify(set)]),
    ...Array.from({length: plan.endpoints}, (_, index) => endpoint(index)),
  ]
  return {records, endpoint}
}

/** One uplink, and a tunnel offered to each of the gateway's. */
function gatewayOf({uplinks}: FederationPlan, site: number) {
  const inner = [`100.64.${site + 1}.0`, `100.64.${site + 1}.1`]
  const offer = [{slot: 0, uplink: 'wan', encapsulation: 'vxlan'}]
  const tunnels = Array.from({length: uplinks}, (_, index) => [`a/a1/${uplinkName(index)}`, offer])
  return {uplinks: [{name: 'wan', address: `192.0.2.${100 + site}`, inner}], tunnels: Object.fromEntries(tunnels)}
}

const uplinkName = (index: number): string => `wan${index || ''}`

/** The own site's: policies that tell some of the apps apart, each for the apps of all sites. */
export function policyEntries({policies}: FederationPlan): Entry[] {
  const documents = Array.from({length: policies}, (_, index) => ({
    kind: 'GlobalNetworkPolicy',
    metadata: {name: `p-${index}`},
    spec: {
      order: index,
      selector: `app == 'app-${index}'`,
      types: ['Ingress'],
      ingress: [
        {
          action: 'Allow',
          protocol: 'TCP',
          source: {selector: `app == 'app-${(index * 7) % policies}'`},
          destination: {ports: [80, 443, 1000 + (index % 50)]},
        },
      ],
    },
  }))
  return [...documentEntries(documents.map((document) => stringify(document)).join('---\n'), 'isthmus')]
}

export function gatewayYamlOf(plan: FederationPlan, own: string, remotes: readonly string[], folder: string): string {
  const sites = remotes.map((endpoint, site) => [
    siteName(site),
    {
      ...{owns: [sitePrefix(site)], endpoints: [endpoint], insecure: true},
      encapsulation: plan.uplinks > 0 ? 'vxlan' : 'none',
    },
  ])
  return stringify({
    version: 1,
    site: 'a',
    gateway: 'a1',
    as: 4200000001,
    interconnect: ['100.64.0.0/16'],
    default: 'deny',
    uplinks: Array.from({length: Math.max(1, plan.uplinks)}, (_, index) => ({
      ...{name: uplinkName(index), address: uplinkAddress(index), device: 'wan0'},
      inner: [`100.64.0.${2 * index}`, `100.64.0.${2 * index + 1}`],
    })),
    owns: ['10.16.0.0/12'],
    datastores: [{name: 'main', kind: 'calico', endpoints: [own], export: {}, insecure: true}],
    sites: Object.fromEntries(sites),
    authorities: ['a'],
    peers: [],
    metrics: {listen: '127.0.0.1:9633'},
    paths: {state: `${folder}/state`, run: folder, birdConfig: plan.birdConfig, birdSocket: plan.birdSocket},
    lab: true,
  })
}
