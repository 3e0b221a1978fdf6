// `npm run deb`: dist/isthmus_VERSION_amd64.deb, made by dpkg-deb alone. Equal sources give equal bytes.
import {execFileSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'
import {gzipSync} from 'node:zlib'
import {manPage} from './man-page.ts'
import {shippedDocs} from './shipped-docs.ts'
import {copyrightText, sbomOf, shippedParts} from './shipped-parts.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const DIST = path.join(ROOT, 'dist')
const SOURCES = path.join(ROOT, 'appliance')
const ARCHITECTURES = {x64: 'amd64', arm64: 'arm64'}

/** Names and versions that Debian 12 and Ubuntu 22.04 and 24.04 all have. */
const DEPENDS = [
  'bird2 (>= 2.0.8)',
  'fping (>= 5.1)',
  'init-system-helpers (>= 1.62)',
  'iproute2',
  'kmod',
  'libc6 (>= 2.34)',
  'libgcc-s1',
  'libnftables1 (>= 1.0.2)',
  'libstdc++6 (>= 11)',
  'nftables (>= 1.0.2)',
  'systemd (>= 249)',
]
const MAINTAINER = 'Isthmus <isthmus@localhost>'

/** `isthmus site` makes certificates. */
const RECOMMENDS = ['openssl']
/** A pair of gateways needs the first two, WireGuard's tool is for people. */
const SUGGESTS = ['conntrackd (>= 1:1.4.7)', 'keepalived', 'etcd-server', 'wireguard-tools']

/** Where each file of `appliance/` is installed. */
const FILES = [
  ['debian/base.nft', 'usr/lib/isthmus/base.nft'],
  ['debian/base-ruleset', 'usr/lib/isthmus/base-ruleset', 0o755],
  ['debian/prober', 'usr/lib/isthmus/prober', 0o755],
  ['debian/gateway.yaml', 'usr/share/isthmus/gateway.yaml'],
  ['debian/sysusers.conf', 'usr/lib/sysusers.d/isthmus.conf'],
  ['debian/tmpfiles.conf', 'usr/lib/tmpfiles.d/isthmus.conf'],
  ['debian/modules-load.conf', 'usr/lib/modules-load.d/isthmus.conf'],
  ['debian/lintian-overrides', 'usr/share/lintian/overrides/isthmus'],
  ['systemd/isthmus.service', 'usr/lib/systemd/system/isthmus.service'],
  ['systemd/isthmus-base.service', 'usr/lib/systemd/system/isthmus-base.service'],
  ['systemd/isthmus-prober.socket', 'usr/lib/systemd/system/isthmus-prober.socket'],
  ['systemd/isthmus-prober@.service', 'usr/lib/systemd/system/isthmus-prober@.service'],
  ['systemd/isthmus-resume.service', 'usr/lib/systemd/system/isthmus-resume.service'],
  ['systemd/isthmus-watch-lan.service', 'usr/lib/systemd/system/isthmus-watch-lan.service'],
  ['systemd/bird.service.conf', 'usr/lib/systemd/system/bird.service.d/50-isthmus.conf'],
]

const OWN_VERSION = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version

const {values} = parseArgs({
  options: {
    output: {type: 'string', default: DIST},
    // Tests of upgrades need two versions of the same.
    version: {type: 'string', default: OWN_VERSION},
    'skip-build': {type: 'boolean', default: false},
  },
})

const began = performance.now()
if (!values['skip-build']) execFileSync(process.execPath, [path.join(ROOT, 'scripts/build.mjs')], {stdio: 'inherit'})
const architecture = ARCHITECTURES[process.arch]
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? gitTime())
const tree = mkdtempSync(path.join(tmpdir(), 'isthmus-deb-'))
try {
  chmodSync(tree, 0o755)
  fill(tree)
  writeControl(tree)
  settle(tree)
  const name = `isthmus_${values.version}_${architecture}.deb`
  const beside = path.join(values.output, `.${name}.new`)
  mkdirSync(values.output, {recursive: true})
  // A twentieth of the time of xz, and a quarter more bytes.
  const compression = ['-Zzstd', '-z9', '--threads-max=2']
  execFileSync('dpkg-deb', ['--root-owner-group', ...compression, '--build', tree, beside], {
    env: {...process.env, SOURCE_DATE_EPOCH: String(epoch)},
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const file = path.join(values.output, name)
  renameSync(beside, file)
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  writeFileSync(`${file}.sha256`, `${sha256}  ${name}\n`)
  const mib = (statSync(file).size / 2 ** 20).toFixed(1)
  const took = ((performance.now() - began) / 1000).toFixed(1)
  console.error(`${path.relative(process.cwd(), file)}: ${mib} MiB in ${took} s`)
} finally {
  rmSync(tree, {recursive: true, force: true})
}

/** The time of the last commit; without git that of the changelog, which changes with each version. */
function gitTime() {
  try {
    return execFileSync('git', ['-C', ROOT, 'log', '-1', '--format=%ct'], {encoding: 'utf8'}).trim()
  } catch {
    return Math.floor(statSync(path.join(ROOT, 'CHANGELOG.md')).mtimeMs / 1000)
  }
}

function fill(tree) {
  const put = (file, content, mode = 0o644) => {
    const target = path.join(tree, file)
    mkdirSync(path.dirname(target), {recursive: true})
    writeFileSync(target, content, {mode})
  }
  for (const [from, to, mode] of FILES) put(to, readFileSync(path.join(SOURCES, from)), mode)
  for (const file of ['isthmusd.mjs', 'isthmus.mjs']) put(`usr/lib/isthmus/${file}`, programText(file))
  for (const file of ['native/koffi.node', 'native/netlink.node']) {
    put(`usr/lib/isthmus/${file}`, readFileSync(path.join(DIST, file)))
  }
  const console_ = path.join(DIST, 'console')
  if (existsSync(console_)) cpSync(console_, path.join(tree, 'usr/lib/isthmus/console'), {recursive: true})
  const node = path.join(ROOT, `node_modules/node-linux-${process.arch}/bin/node`)
  put('usr/lib/isthmus/node', readFileSync(node), 0o755)
  put('usr/bin/isthmus', '#!/bin/sh\nexec /usr/lib/isthmus/node /usr/lib/isthmus/isthmus.mjs "$@"\n', 0o755)
  for (const folder of ['grafana', 'prometheus']) {
    cpSync(path.join(SOURCES, folder), path.join(tree, 'usr/share/isthmus', folder), {recursive: true})
  }
  putDocs(put)
  putCompletions(put)
  const date = new Date(epoch * 1000).toISOString().slice(0, 10)
  const page = manPage((words) => said([...words, '--help']).toString(), {version: values.version, date})
  put('usr/share/man/man8/isthmus.8.gz', gzipSync(page, {level: 9}))
}

/** By the command line itself; its width is that of a page. */
function said(words) {
  const env = {...process.env, COLUMNS: '79', NO_COLOR: '1'}
  const argv = [path.join(DIST, 'isthmus.mjs'), ...words]
  return execFileSync(process.execPath, argv, {stdio: ['ignore', 'pipe', 'ignore'], env})
}

/** A bundle, which says of itself that it is the version of the package. */
function programText(file) {
  const text = readFileSync(path.join(DIST, file), 'utf8')
  const line = `  version: "${OWN_VERSION}",\n`
  if (text.split(line).length !== 2) throw new Error(`dist/${file} does not say its version in one place`)
  return text.replace(line, `  version: "${values.version}",\n`)
}

function putDocs(put) {
  const folder = 'usr/share/doc/isthmus'
  for (const [file, content] of shippedDocs(path.join(ROOT, 'docs'))) put(`${folder}/${file}`, content)
  put(`${folder}/CHANGELOG.md.gz`, gzipSync(readFileSync(path.join(ROOT, 'CHANGELOG.md')), {level: 9}))
  put(`${folder}/changelog.gz`, gzipSync(debianChangelog(), {level: 9}))
  const parts = shippedParts(ROOT)
  put(`${folder}/copyright`, copyrightText(ROOT, parts))
  const sbom = sbomOf(parts, {version: values.version, architecture, timestamp: new Date(epoch * 1000).toISOString()})
  put('usr/share/isthmus/sbom.cdx.json', `${JSON.stringify(sbom, null, 2)}\n`)
}

function debianChangelog() {
  return `isthmus (${values.version}) unstable; urgency=medium

  * What has changed is in CHANGELOG.md.gz beside this file.

 -- ${MAINTAINER}  ${new Date(epoch * 1000).toUTCString().replace('GMT', '+0000')}
`
}

function putCompletions(put) {
  put('usr/share/bash-completion/completions/isthmus', said(['completion', 'bash']))
  put('usr/share/zsh/vendor-completions/_isthmus', said(['completion', 'zsh']))
}

function writeControl(tree) {
  const folder = path.join(tree, 'DEBIAN')
  mkdirSync(folder)
  const kib = Math.ceil(filesIn(tree).reduce((sum, file) => sum + statSync(path.join(tree, file)).size, 0) / 1024)
  const fields = {
    Package: 'isthmus',
    Version: values.version,
    Architecture: architecture,
    Maintainer: MAINTAINER,
    'Installed-Size': kib,
    Depends: DEPENDS.join(', '),
    Recommends: RECOMMENDS.join(', '),
    Suggests: SUGGESTS.join(', '),
    Section: 'net',
    Priority: 'optional',
    Description:
      'gateway that joins Kubernetes clusters, datacenters and clouds\n' +
      ' A gateway in each site reads the datastores of its clusters, tunnels pod\n' +
      ' traffic between sites over IPIP or WireGuard, peers by BGP (BIRD) with the\n' +
      ' routers that are there, and enforces one global network policy with the\n' +
      ' semantics of Calico.\n' +
      ' .\n' +
      ' It comes with a Node.js runtime of its own.',
  }
  const control = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`)
  writeFileSync(path.join(folder, 'control'), control.join(''))
  const sums = filesIn(tree)
    .filter((file) => !file.startsWith('DEBIAN/'))
    .map(
      (file) =>
        `${createHash('md5')
          .update(readFileSync(path.join(tree, file)))
          .digest('hex')}  ${file}\n`,
    )
  writeFileSync(path.join(folder, 'md5sums'), sums.join(''))
  for (const script of ['postinst', 'prerm', 'postrm']) {
    writeFileSync(path.join(folder, script), readFileSync(path.join(SOURCES, 'debian', script)), {mode: 0o755})
  }
}

/** By name, so that the order of a folder on disk changes no byte. */
function filesIn(folder) {
  return readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort()
}

/** Modes whatever the umask, times of the source. */
function settle(tree) {
  for (const entry of readdirSync(tree, {recursive: true, withFileTypes: true})) {
    const file = path.join(entry.parentPath, entry.name)
    if (entry.isDirectory()) chmodSync(file, 0o755)
    else if (entry.isFile()) chmodSync(file, statSync(file).mode & 0o111 ? 0o755 : 0o644)
    lutimesSync(file, epoch, epoch)
  }
  lutimesSync(tree, epoch, epoch)
}
