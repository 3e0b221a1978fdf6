import assert from 'node:assert/strict'
import type {Policy} from '../../../src/model/index.ts'
import {changeQuestions, classify, hostClass, questionsOf, requestion} from '../../../src/policy/classes/index.ts'
import {activePolicies, changedPolicies} from '../../../src/policy/compile/active-policies.ts'
import {address, attributes, policy, rule, world} from '../worlds.ts'

const PODS = {web1: '10.1.0.1', web2: '10.1.0.2', web3: '10.1.0.3', db: '10.1.0.4'}
const labels: Record<keyof typeof PODS, Record<string, string>> = {
  web1: {app: 'web', env: 'prod'},
  web2: {app: 'web', env: 'test'},
  web3: {app: 'web', env: 'dev'},
  db: {app: 'db', env: 'prod'},
}
const placed = Object.entries(PODS).map(([name, at]) => ({
  at: `${at}/32`,
  site: 'a',
  set: attributes('pod', {labels: labels[name as keyof typeof PODS]}),
}))
const governs = (name: string, selector: string): Policy => policy(name, {selector, egress: [rule('Deny')]})

/** The class of each pod before and after, and what was said to have changed. */
function change(before: readonly Policy[], after: readonly Policy[]) {
  const tiers = [] as const
  const known = activePolicies({tiers, policies: before})
  const classified = classify(questionsOf(known.catalog, []), world(placed, [], []))
  const classes = (): Record<string, number | undefined> =>
    Object.fromEntries(Object.entries(PODS).map(([name, at]) => [name, hostClass(classified, address(at))]))
  const was = classes()
  const {understood, gone, come} = changedPolicies(known, {tiers, policies: after}, [])!
  const {book} = classified
  const changed = requestion(book, changeQuestions(book.questions, understood.catalog, gone, come))
  return {was, is: classes(), changed}
}

describe('classes whose questions change', () => {
  const web = governs('web', "app == 'web'")

  it('stay where nothing is told otherwise', () => {
    const {was, is, changed} = change([web], [web, governs('none', "app == 'nobody'")])
    assert.deepEqual(is, was)
    assert.equal(changed.altered.size + changed.split.size + changed.dead.size + changed.moved.size, 0)
  })

  it('keep their place where all their addresses are told the same', () => {
    const {was, is, changed} = change([web], [governs('web', "app == 'web' && has(env)")])
    assert.deepEqual(is, was)
    assert.deepEqual([...changed.altered.keys()], [was.web1])
    assert.equal(changed.moved.size, 0)
  })

  it('part: those told as before stay', () => {
    const {was, is, changed} = change([web], [web, governs('test', "env == 'test'")])
    assert.deepEqual({...is, web2: was.web2}, was)
    assert.notEqual(is.web2, was.web2)
    assert.deepEqual([...changed.split], [[is.web2, was.web2]])
    assert.equal(changed.dead.size, 0)
  })

  it('join where they become equal', () => {
    const {was, is, changed} = change([web, governs('test', "env == 'test'")], [web])
    assert.notEqual(was.web1, was.web2)
    assert.equal(is.web1, is.web2)
    assert.deepEqual([...changed.dead], [was.web2])
  })

  it('part from one and join another at once', () => {
    const {was, is} = change([governs('p', "env in {'test', 'dev'}")], [governs('p', "env in {'prod', 'dev'}")])
    assert.equal(was.web2, was.web3)
    assert.equal(is.web1, is.web3)
    assert.equal(is.web1, is.db)
    assert.notEqual(is.web2, is.web3)
  })
})
