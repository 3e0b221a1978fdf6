// `npm run build`: the daemon and the CLI, each one file in dist/, and the native addons that the daemon loads.
import {existsSync, mkdirSync, readFileSync, rmSync} from 'node:fs'
import path from 'node:path'
import {build} from 'esbuild'
import {bundledLibraries, copyNativeAddons, lateBuiltins} from './bundled-libraries.mjs'

const ROOT = path.resolve(import.meta.dirname, '..')
const DIST = path.join(ROOT, 'dist')

const BUNDLES = [
  {entry: 'src/gateway/main.ts', file: 'isthmusd.mjs'},
  {entry: 'src/cli/main.ts', file: 'isthmus.mjs'},
]

rmSync(DIST, {recursive: true, force: true})
mkdirSync(DIST)
copyNativeAddons(ROOT, path.join(DIST, 'native'))

for (const {entry, file} of BUNDLES) {
  if (!existsSync(path.join(ROOT, entry))) {
    console.error(`${entry} is not there yet: dist/${file} is not built`)
    continue
  }
  const began = performance.now()
  await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: path.join('dist', file),
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
    plugins: [bundledLibraries(ROOT), lateBuiltins()],
    logLevel: 'warning',
  })
  const kib = Math.round(readFileSync(path.join(DIST, file)).length / 1024)
  console.error(`dist/${file}: ${kib} KiB in ${Math.round(performance.now() - began)} ms`)
}
