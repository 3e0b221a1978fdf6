// The console: one page, its script, styles and fonts named by their contents, packed, with a list of all of them.
import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {brotliCompressSync, constants, gzipSync} from 'node:zlib'
import {build} from 'esbuild'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.md': 'text/plain; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
}
/** Fonts are packed already, and of a small file packing saves no packet. */
const isWorthPacking = (kind, content) => kind !== '.woff2' && content.length > 1400

/**
 * Builds src/console into `out` and returns what it weighs. `files.json` there has every path with its file, and whether
 * its name changes with its contents; `src/api` serves what is in it and nothing else.
 */
export async function buildConsole(root, out) {
  const source = path.join(root, 'src/console')
  const {outputFiles} = await build({
    absWorkingDir: root,
    entryPoints: {index: 'src/console/index.ts', theme: 'src/console/first-theme.ts'},
    bundle: true,
    write: false,
    outdir: '/assets',
    format: 'esm',
    target: ['es2024', 'chrome123', 'firefox128', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    entryNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    publicPath: '/assets',
    loader: {'.woff2': 'file', '.svg': 'file'},
    logLevel: 'warning',
  })
  const files = []
  const add = (served, content, isHashed) => files.push({served, content, isHashed})
  for (const {path: file, contents} of outputFiles) add(`/assets/${path.basename(file)}`, Buffer.from(contents), true)
  add('/', Buffer.from(page(source, files)), false)
  for (const [name, content] of runbooks(root)) add(`/runbooks/${name}`, content, false)
  return write(out, files)
}

/** The page names what the build has made. */
function page(source, files) {
  const html = readFileSync(path.join(source, 'index.html'), 'utf8')
  return html.replaceAll(/assets\/(\w+)\.(\w+)/g, (_, name, kind) => {
    const made = files.find(({served}) => served.startsWith(`/assets/${name}-`) && served.endsWith(`.${kind}`))
    if (!made) throw new Error(`index.html names ${name}.${kind}, which is not made`)
    return made.served.slice(1)
  })
}

/** The texts, and which of them tells of which code: the first that names it between backticks. */
function runbooks(root) {
  const folder = path.join(root, 'docs/runbooks')
  const names = readdirSync(folder)
    .filter((file) => /^Isthmus\w+\.md$/.test(file))
    .sort()
  const texts = names.map((name) => [name, readFileSync(path.join(folder, name))])
  const codes = readFileSync(path.join(root, 'src/model/finding.ts'), 'utf8').matchAll(/^ {2}\| '([a-z-]+)'/gm)
  const byCode = {}
  for (const [, code] of codes) {
    const found = texts.find(([, text]) => text.includes(`\`${code}\``))
    if (found) byCode[code] = found[0].replace('.md', '')
  }
  const list = {names: names.map((name) => name.replace('.md', '')), byCode}
  return [...texts, ['list.json', Buffer.from(JSON.stringify(list))]]
}

function write(out, files) {
  mkdirSync(out, {recursive: true})
  let weight = 0
  const listed = files.map(({served, content, isHashed}) => {
    const kind = served === '/' ? '.html' : path.extname(served)
    const file = served === '/' ? 'index.html' : served.slice(1).replaceAll('/', '-')
    const packed = isWorthPacking(kind, content)
    writeFileSync(path.join(out, file), content)
    let sent = content.length
    if (packed) {
      const brotli = brotliCompressSync(content, {params: {[constants.BROTLI_PARAM_QUALITY]: 11}})
      writeFileSync(path.join(out, `${file}.br`), brotli)
      writeFileSync(path.join(out, `${file}.gz`), gzipSync(content, {level: 9}))
      sent = brotli.length
    }
    if (!served.startsWith('/runbooks/')) weight += sent
    return {path: served, file, type: TYPES[kind], hashed: isHashed, packed}
  })
  writeFileSync(path.join(out, 'files.json'), `${JSON.stringify(listed, null, 1)}\n`)
  return weight
}
