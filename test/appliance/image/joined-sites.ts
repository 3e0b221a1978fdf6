import {execFileSync, spawnSync} from 'node:child_process'
import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {stringify} from 'yaml'
import {ROOT} from './built-image.ts'

/**
 * Two sites, each with a gateway that is an appliance, an etcd of its own on it, and a "pod": a namespace of this machine
 * behind it. Certificates are made here by `isthmus site`, all the rest is told by cloud-init.
 */
const NUMBER = {a: 1, b: 2} as const
export type Name = keyof typeof NUMBER
const OTHER = {a: 'b', b: 'a'} as const

const uplink = (site: Name): string => `192.0.2.${NUMBER[site]}`
const owned = (site: Name): string => `10.${NUMBER[site]}.0.0/16`
export const podAddress = (site: Name): string => `10.${NUMBER[site]}.1.10`
export const lanDevice = (site: Name): string => `is-lan-${site}`
export const podNamespace = (site: Name): string => `is-pod-${site}`

export function networkConfig(site: Name): string {
  const interfaces = {
    eth0: {dhcp4: true},
    eth1: {addresses: [`${uplink(site)}/24`]},
    eth2: {addresses: [`10.${NUMBER[site]}.0.1/24`]},
  }
  return JSON.stringify({version: 2, ethernets: interfaces})
}

function gatewayYaml(site: Name): string {
  const tls = (folder: string, name: string): object => ({
    ca: `/etc/isthmus/${folder}/ca.pem`,
    cert: `/etc/isthmus/${folder}/${name}.pem`,
    key: `/etc/isthmus/${folder}/${name}.key`,
  })
  const number = NUMBER[site]
  const other = OTHER[site]
  const remote = {
    endpoints: [`https://${uplink(other)}:2379`],
    owns: [owned(other)],
    tls: tls(`sites/${other}`, 'client'),
  }
  return stringify({
    version: 1,
    site,
    gateway: `${site}1`,
    as: 4_200_000_000 + number,
    interconnect: ['100.64.0.0/16'],
    default: 'allow',
    uplinks: [{name: 'wan', address: uplink(site), inner: [`100.64.${number}.0`, `100.64.${number}.1`]}],
    owns: [owned(site)],
    datastores: [
      {
        name: 'main',
        kind: 'isthmus',
        endpoints: [`https://${uplink(site)}:2379`],
        tls: tls('tls', 'gateway'),
        export: {},
      },
    ],
    // An emulated processor is late now and then.
    sites: {[other]: {...remote, encapsulation: 'ipip', bfd: 'internet'}},
    static: [{prefix: `10.${number}.1.0/24`, via: `10.${number}.0.10`}],
    authorities: [site],
  })
}

/** /etc/default/etcd of an etcd by itself at this address. */
export const ETCD = (address: string): string =>
  [
    'ETCD_NAME=m1',
    'ETCD_LISTEN_CLIENT_URLS=https://0.0.0.0:2379',
    `ETCD_ADVERTISE_CLIENT_URLS=https://${address}:2379`,
    'ETCD_CLIENT_CERT_AUTH=true',
    'ETCD_TRUSTED_CA_FILE=/etc/etcd/ca.pem',
    'ETCD_CERT_FILE=/etc/etcd/etcd-m1.pem',
    'ETCD_KEY_FILE=/etc/etcd/etcd-m1.key',
    '',
  ].join('\n')

/** User data of both: made together, since each needs the other's bundle. */
export function makeUserData(folder: string): Record<Name, string> {
  const cli = (...words: string[]): void => {
    execFileSync(process.execPath, [path.join(ROOT, 'dist/isthmus.mjs'), ...words], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  const at = (...parts: string[]): string => path.join(folder, ...parts)
  mkdirSync(folder, {recursive: true})
  for (const site of ['a', 'b'] as const) {
    const other = OTHER[site]
    writeFileSync(at(`${site}.yaml`), gatewayYaml(site))
    cli('site', 'init', '--site', site, '--folder', at(`tls-${site}`), '--server', `m1=${uplink(site)},127.0.0.1`)
    const bundle = ['--out', at(`${site}-for-${other}`), '--advertise', `https://${uplink(site)}:2379`]
    cli(
      'site',
      'join',
      other,
      '--config',
      at(`${site}.yaml`),
      '--folder',
      at(`tls-${site}`),
      '--owns',
      owned(other),
      ...bundle,
    )
  }
  const userData = (site: Name): string => {
    const file = (from: string, to: string, group: string): object => ({
      path: to,
      owner: `root:${group}`,
      permissions: '0640',
      content: readFileSync(at(from), 'utf8'),
    })
    const bundle = `${OTHER[site]}-for-${site}`
    const files = [
      ...['ca.pem', 'gateway.pem', 'gateway.key'].map((name) =>
        file(`tls-${site}/${name}`, `/etc/isthmus/tls/${name}`, 'isthmus'),
      ),
      ...readdirSync(at(bundle)).map((name) =>
        file(`${bundle}/${name}`, `/etc/isthmus/sites/${OTHER[site]}/${name}`, 'isthmus'),
      ),
      ...['ca.pem', 'etcd-m1.pem', 'etcd-m1.key'].map((name) =>
        file(`tls-${site}/${name}`, `/etc/etcd/${name}`, 'etcd'),
      ),
      {path: '/etc/default/etcd', permissions: '0644', content: ETCD(uplink(site))},
      {path: '/etc/isthmus/gateway.yaml', owner: 'root:isthmus', permissions: '0660', content: gatewayYaml(site)},
    ]
    return `write_files: ${JSON.stringify(files)}\n`
  }
  return {a: userData('a'), b: userData('b')}
}

const ip = (...words: string[]): void => {
  execFileSync('ip', words, {stdio: ['ignore', 'inherit', 'inherit']})
}

/** The device that QEMU opens; `movePod` gives it to the namespace then. */
export function makePod(site: Name): void {
  removePod(site)
  ip('netns', 'add', podNamespace(site))
  ip('tuntap', 'add', 'mode', 'tap', lanDevice(site))
}

/** QEMU holds the device by now, and goes on to. */
export function movePod(site: Name): void {
  const inside = ['-n', podNamespace(site)]
  ip('link', 'set', lanDevice(site), 'netns', podNamespace(site))
  ip(...inside, 'link', 'set', 'lo', 'up')
  ip(...inside, 'addr', 'add', `10.${NUMBER[site]}.0.10/24`, 'dev', lanDevice(site))
  ip(...inside, 'link', 'set', lanDevice(site), 'up')
  ip(...inside, 'addr', 'replace', `${podAddress(site)}/32`, 'dev', 'lo')
  ip(...inside, 'route', 'add', 'default', 'via', `10.${NUMBER[site]}.0.1`, 'src', podAddress(site))
}

/** The device comes back to where a QEMU that starts again looks for it. */
export function returnPod(site: Name): void {
  ip('-n', podNamespace(site), 'link', 'set', lanDevice(site), 'netns', '1')
}

export function removePod(site: Name): void {
  spawnSync('ip', ['netns', 'delete', podNamespace(site)], {stdio: 'ignore'})
  spawnSync('ip', ['link', 'delete', lanDevice(site)], {stdio: 'ignore'})
}
