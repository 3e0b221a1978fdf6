import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import * as z from 'zod'
import {ERROR_CODES} from '../../src/api/answer.ts'
import {CONFIG_ERROR_CODES} from '../../src/api/config-view.ts'
import {LOG_CODES} from '../../src/api/live-view.ts'
import {openApiDocument} from '../../src/api/openapi.ts'
import {ROUTES} from '../../src/api/routes.ts'

const TEXT = readFileSync(path.resolve(import.meta.dirname, '../../docs/reference/api.md'), 'utf8')

/** `/v1/get/{kind}/{name}` as the page has it. */
const documented = [...TEXT.matchAll(/^\| (`(?:GET|POST) [^|]*?) +\| (\w+) +\|/gm)].flatMap(([, requests, role]) =>
  [...requests!.matchAll(/`(GET|POST) ([^`]+)`/g)].flatMap(([, method, target]) => {
    const [whole, ...queries] = target!.split('[?')
    const query = [target!.slice(whole!.length).matchAll(/[?&](\w+)=/g)].flatMap((found) =>
      [...found].map(([, name]) => name!),
    )
    const optional = /^(.*)\[\/NAME\]$/.exec(whole!)
    const paths = optional ? [optional[1]!, `${optional[1]}/NAME`] : [whole!]
    assert.ok(queries.length <= 1)
    return paths.map((one) => ({
      request: `${method} ${one.replace('KIND', '{kind}').replace('NAME', '{name}')}`,
      role,
      query: one.endsWith('NAME') ? query.filter((name) => name !== 'cursor') : query,
    }))
  }),
)

describe('docs/reference/api.md', () => {
  it('has every request with its role and parameters, and no other', () => {
    const declared = ROUTES.map(({method, path: where, role, query}) => ({
      request: `${method} ${where}`,
      role,
      query: Object.keys(query.shape),
    }))
    const sorted = (list: readonly {readonly request: string; readonly query: readonly string[]}[]) =>
      list.map((one) => ({...one, query: one.query.toSorted()})).sort((a, b) => (a.request < b.request ? -1 : 1))
    assert.deepEqual(sorted(documented), sorted(declared))
  })

  it('has every code of an error, and no other', () => {
    const [, list] = /Codes: ([\s\S]*?)\. A parameter/.exec(TEXT)!
    const codes = [...list!.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code!)
    assert.deepEqual(codes.toSorted(), [...ERROR_CODES, ...CONFIG_ERROR_CODES].sort())
  })

  it('has every code of the log, and no other', () => {
    const [, list] = /\nCodes: ([\s\S]*?)\n*$/.exec(TEXT.slice(TEXT.indexOf('## Events')))!
    const codes = [...list!.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code!)
    assert.deepEqual(codes.toSorted(), [...LOG_CODES].sort())
  })
})

describe('OpenAPI document', () => {
  const document = openApiDocument(ROUTES)
  const text = JSON.stringify(document)

  it('refers to nothing that is not there', () => {
    const known = Object.keys((document.components as {schemas: object}).schemas)
    const used = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!)
    assert.ok(used.length > 50)
    assert.deepEqual(
      used.filter((name) => !known.includes(name)),
      [],
    )
    assert.equal([...text.matchAll(/"\$ref":/g)].length, used.length)
  })

  it('names every request once', () => {
    const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id)
    assert.deepEqual([new Set(ids).size, ids.length], [ROUTES.length, ROUTES.length])
  })

  it('its schemas are JSON Schema of 2020-12 that zod reads back', () => {
    const {schemas} = document.components as {schemas: Readonly<Record<string, object>>}
    const $defs = JSON.parse(JSON.stringify(schemas).replaceAll('#/components/schemas/', '#/$defs/'))
    for (const name of Object.keys(schemas)) assert.ok(z.fromJSONSchema({$ref: `#/$defs/${name}`, $defs}), name)
  })
})
