import {copyFileSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {deflateRawSync} from 'node:zlib'
import protobuf from 'protobufjs'

/** Addons by the name under which a bundle loads them from `native/` beside it. Debian and Ubuntu are glibc. */
const ADDONS = {
  koffi: `@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`,
  netlink: `netlink/prebuilds/linux-${process.arch}/node.napi.node`,
}

export function copyNativeAddons(root, folder) {
  for (const [name, file] of Object.entries(ADDONS)) {
    copyFileSync(path.join(root, 'node_modules', file), path.join(folder, `${name}.node`))
  }
}

/**
 * Some libraries look for files beside their own source, which in a bundle is elsewhere, and some load at each start what
 * nobody needs. Each such place is rewritten here; a release of theirs that no longer has it fails the build, so that no
 * bundle breaks at run time.
 */
const REWRITES = [
  {
    file: /[/]koffi[/]src[/]koffi[/]index\.js$/,
    changes: [
      ['import { loadStatic } from "./src/static.js";', ''],
      ['loadStatic(pkg) ?? loadDynamic(import.meta.dirname, pkg, triplets)', 'require2("./native/koffi.node")'],
    ],
  },
  {
    file: /[/]netlink[/]dist[/]raw\.js$/,
    changes: [["require('node-gyp-build')(__dirname + '/..')", "require('./native/netlink.node')"]],
  },
  {
    // A gateway has no Wi-Fi.
    file: /[/]netlink[/]dist[/]index\.js$/,
    changes: [
      ['__exportStar(require("./nl80211/nl80211"), exports);', ''],
      ['const nl80211 = __importStar(require("./nl80211/structs"));', ''],
      ['exports.nl80211 = nl80211;', ''],
    ],
  },
  {
    // Nobody pushes metrics, and it would load HTTPS at each start.
    file: /[/]prom-client[/]index\.js$/,
    changes: [["exports.Pushgateway = require('./lib/pushgateway');", '']],
  },
  {
    // The schema of etcd's services, parsed now instead of at each start.
    file: /[/]etcd3[/]lib[/]connection-pool\.js$/,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the library
    changes: [['.loadSync)(`${__dirname}/../proto/rpc.proto`', ".fromJSON)(require('isthmus:etcd-services')"]],
  },
]

export function bundledLibraries(root) {
  return {
    name: 'bundled-libraries',
    setup(build) {
      for (const {file, changes} of REWRITES) {
        build.onLoad({filter: file}, ({path: source}) => {
          let contents = readFileSync(source, 'utf8')
          for (const [from, to] of changes) {
            if (!contents.includes(from)) return {errors: [{text: `${source} no longer has ${from}`}]}
            contents = contents.replace(from, () => to)
          }
          return {contents, loader: 'js'}
        })
      }
      build.onResolve({filter: /^isthmus:etcd-services$/}, ({path: name}) => ({path: name, namespace: 'isthmus'}))
      build.onLoad({filter: /.*/, namespace: 'isthmus'}, () => {
        const proto = path.join(root, 'node_modules/etcd3/proto/rpc.proto')
        const schema = new protobuf.Root().loadSync(proto, {keepCase: true}).resolveAll().toJSON()
        return {contents: JSON.stringify(schema), loader: 'json'}
      })
    },
  }
}

/**
 * A bundle in ESM lifts every `import … from 'node:…'` to its top, so that `isthmus version` would load HTTP and crypto
 * first (some 60 ms of a slow core). Instead each becomes an object whose members fetch the module when first touched.
 * Modules that are themselves a function or a class (events, assert) stay as they are.
 */
export function lateBuiltins() {
  return {
    name: 'late-builtins',
    setup(build) {
      build.onResolve({filter: /^node:/}, ({path: name, kind}) => {
        const late = kind === 'import-statement' && typeof process.getBuiltinModule(name) === 'object'
        return late ? {path: name, namespace: 'late-builtin', sideEffects: false} : {path: name, external: true}
      })
      build.onLoad({filter: /.*/, namespace: 'late-builtin'}, ({path: name}) => {
        const members = Object.keys(process.getBuiltinModule(name))
        const contents = `
          let loaded
          const load = () => (loaded ??= process.getBuiltinModule(${JSON.stringify(name)}))
          for (const member of ${JSON.stringify(members)}) {
            Object.defineProperty(exports, member, {enumerable: true, get: () => load()[member]})
          }`
        return {contents, loader: 'js'}
      })
    },
  }
}

/**
 * What `import('…/STATION/index.ts')` brings lies in the bundle packed, and is neither read nor compiled before: V8 looks
 * through all the code of a file before its first line runs, and through all its text (decision 0003).
 */
export function lateStations(texts) {
  return {
    name: 'late-stations',
    setup(build) {
      build.onResolve({filter: /\/[a-z]+\/index\.ts$/}, ({path: specifier, kind}) => {
        const station = path.basename(path.dirname(specifier))
        const late = kind === 'dynamic-import' && Object.hasOwn(texts, station)
        return late ? {path: station, namespace: 'late-station'} : undefined
      })
      build.onLoad({filter: /.*/, namespace: 'late-station'}, ({path: station}) => {
        const packed = deflateRawSync(texts[station]).toString('base64')
        const contents = `
          const {compileFunction} = process.getBuiltinModule('node:vm')
          const {inflateRawSync} = process.getBuiltinModule('node:zlib')
          const code = inflateRawSync(Buffer.from(${JSON.stringify(packed)}, 'base64')).toString('latin1')
          const options = {filename: ${JSON.stringify(`isthmus/${station}`)}}
          compileFunction(code, ['module', 'require'], options)(module, require)`
        return {contents, loader: 'js'}
      })
    },
  }
}
