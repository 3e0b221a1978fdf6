import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {dashboards, queriesOf} from './dashboards.ts'
import {metricsIn, metricsOfReference} from './metric-names.ts'

const REFERENCE = path.resolve(import.meta.dirname, '../../docs/reference/metrics.md')

describe('dashboards', () => {
  it('ask for metrics that the reference has', () => {
    const known = metricsOfReference(readFileSync(REFERENCE, 'utf8'))
    const asked = dashboards().flatMap(queriesOf)
    assert.ok(asked.length > 100)
    const unknown = asked.flatMap(({panel, expr}) =>
      metricsIn(expr)
        .filter((name) => !known.has(name))
        .map((name) => `${panel}: ${name}`),
    )
    assert.deepEqual(unknown, [])
  })

  it('show every metric of the reference somewhere', () => {
    const known = metricsOfReference(readFileSync(REFERENCE, 'utf8'))
    const shown = new Set(dashboards().flatMap((one) => queriesOf(one).flatMap(({expr}) => metricsIn(expr))))
    assert.deepEqual(
      [...known].filter((name) => !shown.has(name)),
      [],
    )
  })

  it('declare the variables that they use, and only those', () => {
    for (const one of dashboards()) {
      const declared = one.templating.list.map(({name}) => name).sort()
      const text = JSON.stringify({...one, templating: {list: one.templating.list.map(({query}) => query)}})
      const used = new Set([...text.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name!).filter((n) => !/^__/.test(n)))
      assert.deepEqual([...used].sort(), declared, one.file)
    }
  })

  it('have names of their own, and panels that lie side by side', () => {
    const all = dashboards()
    assert.equal(new Set(all.map(({uid}) => uid)).size, all.length)
    for (const {file, panels} of all) {
      const places = panels.map(({gridPos}) => gridPos)
      for (const [index, a] of places.entries()) {
        assert.ok(a.x + a.w <= 24, file)
        const over = places.slice(index + 1).find((b) => {
          return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
        })
        assert.equal(over, undefined, `${file}: ${panels[index]!.title}`)
      }
    }
  })
})
