// `bundle-for-vm.mjs FOLDER ENTRY…`: what the lab runs inside its VM, each entry in one file of plain JavaScript. On an
// emulated CPU, Node takes half a minute to read the lab and its libraries file by file and to strip their types.
import {mkdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {build} from 'esbuild'
import {bundledLibraries, copyNativeAddons, lateBuiltins} from './bundled-libraries.mjs'

const ROOT = path.resolve(import.meta.dirname, '..')
const [folder, ...entryPoints] = process.argv.slice(2)

/** Sources look for files beside themselves: a bundle says where each of them was. */
const ownFolders = {
  name: 'own-folders',
  setup({onLoad}) {
    onLoad({filter: /\/(?:lab|src|test)\/(?:.*\/)?[^/]+\.ts$/}, ({path: source}) => {
      if (source.includes('/node_modules/')) return undefined
      const dirname = JSON.stringify(path.dirname(source))
      return {contents: readFileSync(source, 'utf8').replaceAll('import.meta.dirname', dirname), loader: 'ts'}
    })
  },
}

mkdirSync(path.join(folder, 'native'), {recursive: true})
copyNativeAddons(ROOT, path.join(folder, 'native'))
await build({
  absWorkingDir: ROOT,
  entryPoints,
  outdir: folder,
  outbase: ROOT,
  outExtension: {'.js': '.mjs'},
  entryNames: '[name]',
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minifyWhitespace: true,
  external: ['./native/*.node'],
  banner: {
    js: `import {createRequire as bundleRequire} from 'node:module'\nconst require = bundleRequire(import.meta.url)`,
  },
  plugins: [bundledLibraries(ROOT), lateBuiltins(), ownFolders],
  logLevel: 'warning',
})
