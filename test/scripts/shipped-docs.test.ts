import assert from 'node:assert/strict'
import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {linked, shippedDocs} from '../../scripts/shipped-docs.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

describe('documentation of the package', () => {
  const files = shippedDocs(path.join(ROOT, 'docs'))

  it('has no link that leads nowhere there', () => {
    const dead = [...files].flatMap(([page, text]) =>
      typeof text !== 'string'
        ? []
        : [...text.matchAll(/\]\(([^)\s#]+)/g)]
            .map(([, target]) => target!)
            .filter((target) => !/^[a-z]+:/.test(target) && !files.has(path.join(path.dirname(page), target)))
            .map((target) => `${page}: ${target}`),
    )
    assert.deepEqual(dead, [])
  })

  it('begins with operating, and has what is typed one thing after the other', () => {
    const first = String(files.get('README.md'))
    assert.match(first, /^# Operating a gateway\n/)
    assert.match(first, /\]\(operate\/install\.md\)/)
    assert.match(first, /\]\(how-to\/README\.md\)/)
  })

  it('has every page that units and maintainer scripts name', () => {
    const named = [
      'debian/gateway.yaml',
      'debian/postinst',
      'systemd/isthmus.service',
      'systemd/isthmus-watch-lan.service',
    ]
      .map((file) => readFileSync(path.join(ROOT, 'appliance', file), 'utf8'))
      .flatMap((text) => [...text.matchAll(/\/usr\/share\/doc\/isthmus\/(\S+\.md)/g)].map(([, page]) => page!))
    assert.ok(named.length >= 5)
    assert.deepEqual(
      named.filter((page) => !files.has(page)),
      [],
    )
  })

  it('has every page that a message of the gateway names by its place in docs/', () => {
    const named = ['src/config/parse.ts', 'src/cli/setup/gateway-file.ts', 'src/diagnose/checks/filters.ts']
      .map((file) => readFileSync(path.join(ROOT, file), 'utf8'))
      .flatMap((text) => [...text.matchAll(/\bdocs\/([\w/-]+\.md)/g)].map(([, page]) => page!))
    assert.ok(named.length >= 4)
    assert.deepEqual(
      named.filter((page) => !files.has(page) || !existsSync(path.join(ROOT, 'docs', page))),
      [],
    )
  })

  const there = new Set(['operate/twins.md', 'how-to/README.md'])
  for (const [text, page, at, made] of [
    ['[t](twins.md#a-b)', 'operate/README.md', 'README.md', '[t](operate/twins.md#a-b)'],
    ['[t](twins.md)', 'operate/README.md', 'operate/README.md', '[t](twins.md)'],
    ['[how\nto](../how-to/README.md)', 'operate/README.md', 'README.md', '[how\nto](how-to/README.md)'],
    ['decision [0073](../decisions/0073-x.md)', 'operate/twins.md', 'operate/twins.md', 'decision 0073'],
    ['[x](#here), [y](https://example.org/)', 'operate/twins.md', 'README.md', '[x](#here), [y](https://example.org/)'],
  ] as const) {
    it(`${JSON.stringify(text)} of ${page} at ${at}`, () => assert.equal(linked(text, page, at, there), made))
  }
})
