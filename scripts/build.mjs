// `npm run build`: the daemon in one file, the command line in one, native addons, the console.
import {mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {build} from 'esbuild'
import {buildConsole} from './build-console.mjs'
import {bundledLibraries, copyNativeAddons, lateBuiltins, lateStations} from './bundled-libraries.mjs'

const ROOT = path.resolve(import.meta.dirname, '..')
const DIST = path.join(ROOT, 'dist')

/** `late`: stations that only some commands import, and late. gRPC and zod are three quarters of all (decision 0003). */
const BUNDLES = [
  {entry: 'src/gateway/main.ts', file: 'isthmusd.mjs', late: []},
  {entry: 'src/cli/main.ts', file: 'isthmus.mjs', late: ['etcd', 'config']},
]

const OPTIONS = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node24',
  // Stack traces of the appliance must be readable, and V8 compiles lazily: minifying would save little.
  minify: false,
  keepNames: false,
  legalComments: 'none',
  sourcemap: false,
  external: ['./native/*.node'],
  logLevel: 'warning',
  metafile: true,
}
const PLUGINS = [bundledLibraries(ROOT), lateBuiltins()]

// Built aside and moved in place: a lab or a test that runs from dist/ meanwhile never sees half a file.
const ASIDE = path.join(DIST, `.new-${process.pid}`)
mkdirSync(path.join(ASIDE, 'native'), {recursive: true})
process.on('exit', () => rmSync(ASIDE, {recursive: true, force: true}))
copyNativeAddons(ROOT, path.join(ASIDE, 'native'))

/** Folders of the libraries that are in the bundles, for the bill of materials. */
const libraries = new Set()
const note = ({inputs}) => {
  for (const input of Object.keys(inputs)) {
    const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)
    if (folder) libraries.add(folder[0])
  }
}

for (const {entry, file, late} of BUNDLES) {
  const began = performance.now()
  const {metafile} = await build({
    ...OPTIONS,
    entryPoints: [entry],
    outfile: path.join(ASIDE, file),
    format: 'esm',
    banner: {
      js: `import {createRequire as bundleRequire} from 'node:module'\nconst require = bundleRequire(import.meta.url)`,
    },
    plugins: [...PLUGINS, lateStations(await textsOf(late))],
  })
  note(metafile)
  const kib = Math.round(statSync(path.join(ASIDE, file)).size / 1024)
  console.error(`dist/${file}: ${kib} KiB in ${Math.round(performance.now() - began)} ms`)
}

const began = performance.now()
const weight = await buildConsole(ROOT, path.join(ASIDE, 'console'))
const kib = Math.round(weight / 1024)
console.error(`dist/console: ${kib} KiB packed in ${Math.round(performance.now() - began)} ms`)
writeFileSync(path.join(ASIDE, 'libraries.json'), `${JSON.stringify([...libraries].sort(), null, 2)}\n`)

/** Each of these stations with its libraries, as the text of a CommonJS module. */
async function textsOf(stations) {
  const bundled = stations.map(async (station) => {
    const entryPoints = [`src/${station}/index.ts`]
    const {outputFiles, metafile} = await build({
      ...OPTIONS,
      entryPoints,
      write: false,
      format: 'cjs',
      plugins: PLUGINS,
    })
    note(metafile)
    return [station, outputFiles[0].text]
  })
  return Object.fromEntries(await Promise.all(bundled))
}

const made = new Set()
for (const folder of ['native', 'console']) mkdirSync(path.join(DIST, folder), {recursive: true})
for (const file of readdirSync(ASIDE, {recursive: true, withFileTypes: true})) {
  if (!file.isFile()) continue
  const source = path.join(file.parentPath, file.name)
  made.add(path.relative(ASIDE, source))
  renameSync(source, path.join(DIST, path.relative(ASIDE, source)))
}
// What an earlier build named by other contents; a daemon that runs has its own in memory.
for (const file of readdirSync(path.join(DIST, 'console'))) {
  if (!made.has(path.join('console', file))) rmSync(path.join(DIST, 'console', file))
}
