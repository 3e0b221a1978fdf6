// `npm run build`: the daemon in one file, the command line in one and what it loads late, native addons.
import {existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync} from 'node:fs'
import path from 'node:path'
import {build} from 'esbuild'
import {bundledLibraries, copyNativeAddons, lateBuiltins, lateStations} from './bundled-libraries.mjs'

const ROOT = path.resolve(import.meta.dirname, '..')
const DIST = path.join(ROOT, 'dist')

/**
 * What only some commands import, and late, lies beside the command line: V8 reads a whole file before it runs the first
 * line, and gRPC and zod are three quarters of it (decision 0003).
 */
const LATE_PARTS = {etcd: 'isthmus-etcd.mjs', config: 'isthmus-config.mjs'}

const BUNDLES = [
  {entry: 'src/gateway/main.ts', file: 'isthmusd.mjs', lateParts: {}},
  {entry: 'src/cli/main.ts', file: 'isthmus.mjs', lateParts: LATE_PARTS},
  ...Object.entries(LATE_PARTS).map(([station, file]) => ({entry: `src/${station}/index.ts`, file, lateParts: {}})),
]

// Built aside and moved in place: a lab or a test that runs from dist/ meanwhile never sees half a file.
const ASIDE = path.join(DIST, `.new-${process.pid}`)
mkdirSync(path.join(ASIDE, 'native'), {recursive: true})
process.on('exit', () => rmSync(ASIDE, {recursive: true, force: true}))
copyNativeAddons(ROOT, path.join(ASIDE, 'native'))

for (const {entry, file, lateParts} of BUNDLES) {
  if (!existsSync(path.join(ROOT, entry))) {
    console.error(`${entry} is not there yet: dist/${file} is not built`)
    continue
  }
  const began = performance.now()
  await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: path.join(ASIDE, file),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Stack traces of the appliance must be readable, and V8 compiles lazily: minifying would save little.
    minify: false,
    keepNames: false,
    legalComments: 'none',
    sourcemap: false,
    external: ['./native/*.node'],
    banner: {
      js: `import {createRequire as bundleRequire} from 'node:module'\nconst require = bundleRequire(import.meta.url)`,
    },
    plugins: [bundledLibraries(ROOT), lateBuiltins(), lateStations(lateParts)],
    logLevel: 'warning',
  })
  const kib = Math.round(statSync(path.join(ASIDE, file)).size / 1024)
  console.error(`dist/${file}: ${kib} KiB in ${Math.round(performance.now() - began)} ms`)
}

mkdirSync(path.join(DIST, 'native'), {recursive: true})
for (const file of readdirSync(ASIDE, {recursive: true, withFileTypes: true})) {
  if (!file.isFile()) continue
  const source = path.join(file.parentPath, file.name)
  renameSync(source, path.join(DIST, path.relative(ASIDE, source)))
}
