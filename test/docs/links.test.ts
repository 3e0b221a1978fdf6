import assert from 'node:assert/strict'
import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs'
import path from 'node:path'

/** Links of our own pages lead somewhere: the file is there, and the heading in it. */
const ROOT = path.resolve(import.meta.dirname, '../..')
const FOLDERS = ['.', 'docs', 'terraform', 'appliance']

function pages(): string[] {
  return FOLDERS.filter((folder) => existsSync(path.join(ROOT, folder))).flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), {recursive: folder !== '.', encoding: 'utf8'})
      .filter((file) => file.endsWith('.md'))
      .map((file) => path.join(folder, file)),
  )
}

/** As GitHub makes them: of two equal headings the second has `-1`. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const anchors = new Set([...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name]) => name!))
  for (const [, heading] of proseOf(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const slug = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    anchors.add(times === 0 ? slug : `${slug}-${times}`)
  }
  return anchors
}

const proseOf = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '')

/** Where a page's links lead that lead nowhere. */
function broken(page: string, text: string, read: (file: string) => string | null): string[] {
  return [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
    if (/^[a-z]+:/.test(target!)) return []
    const [file, anchor] = target!.split('#')
    const at = file === '' ? page : path.join(path.dirname(page), file!)
    const there = read(at)
    if (there === null) return [`${page}: no file ${target}`]
    if (anchor && at.endsWith('.md') && !anchorsOf(there).has(anchor)) return [`${page}: no heading ${target}`]
    return []
  })
}

const readFile = (file: string): string | null => {
  const full = path.join(ROOT, file)
  if (!existsSync(full)) return null
  return statSync(full).isDirectory() ? '' : readFileSync(full, 'utf8')
}

describe('links of the documentation', () => {
  it('lead somewhere', () => {
    const all = pages()
    assert.ok(all.length > 100)
    assert.deepEqual(
      all.flatMap((page) => broken(page, readFile(page)!, readFile)),
      [],
    )
  })

  const there = (file: string): string | null =>
    file === 'docs/b.md' ? '# A `b`, and C\n\n## Again\n\n## Again\n' : null
  for (const [link, found] of [
    ['b.md', []],
    ['b.md#a-b-and-c', []],
    ['b.md#again-1', []],
    ['https://example.org/nothing', []],
    ['c.md', ['docs/a.md: no file c.md']],
    ['b.md#again-2', ['docs/a.md: no heading b.md#again-2']],
  ] as const) {
    it(`${link}: ${found.length === 0 ? 'fine' : 'told'}`, () =>
      assert.deepEqual(broken('docs/a.md', `[x](${link})`, there), found))
  }
})
