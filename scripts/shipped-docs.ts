import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

/** What of docs/ goes along with the package: what the person on call needs. Why it is so is in the repository. */
const SHIPPED = ['concepts.md', 'performance.md', 'how-to', 'operate', 'reference', 'runbooks']
/** What a unit's `Documentation=` leads to. */
const FIRST = 'operate/README.md'

/**
 * The files of the package's documentation by their place in it, as the units and /usr/share/doc/isthmus have them. A link
 * to what does not go along is only its text.
 */
export function shippedDocs(docs: string): ReadonlyMap<string, Buffer | string> {
  const files = SHIPPED.flatMap((name) =>
    name.endsWith('.md')
      ? [name]
      : readdirSync(path.join(docs, name), {recursive: true, withFileTypes: true})
          .filter((entry) => entry.isFile())
          .map((entry) => path.relative(docs, path.join(entry.parentPath, entry.name))),
  ).sort()
  const there = new Set(files)
  const page = (file: string, at: string): string =>
    linked(readFileSync(path.join(docs, file), 'utf8'), file, at, there)
  return new Map([
    ['README.md', page(FIRST, 'README.md')],
    ...files.map(
      (file) => [file, file.endsWith('.md') ? page(file, file) : readFileSync(path.join(docs, file))] as const,
    ),
  ])
}

/** A page of docs/ as it must be to stand at `at`. */
export const linked = (text: string, page: string, at: string, there: ReadonlySet<string>): string =>
  text.replaceAll(/\[([^\]]*)\]\(([^)\s]+)\)/g, (whole, said: string, target: string) => {
    if (/^(?:[a-z]+:|#)/.test(target)) return whole
    const [file = '', anchor] = target.split('#')
    const meant = path.join(path.dirname(page), file)
    if (!there.has(meant)) return said
    const way = path.relative(path.dirname(at), meant)
    return `[${said}](${anchor === undefined ? way : `${way}#${anchor}`})`
  })
