import assert from 'node:assert/strict'
import {type GenerationHalf, generationScript} from '../../../src/apply/nft/generation.ts'
import {createNftDriver, type NftDriver, nextGeneration} from '../../../src/apply/nft/index.ts'
import {createNftRunner, type NftRunner} from '../../../src/apply/nft/runner.ts'
import {diffNft} from '../../../src/diff/index.ts'
import {type ActualNft, markText, type NftSet, type NftTable} from '../../../src/model/index.ts'
import {bringNft} from '../../support/bring-nft.ts'
import {inNamespace, shell} from '../../support/namespace.ts'
import {generationSets, listed, nftSet} from './sets.ts'

const signal = new AbortController().signal

const tableOf = (sets: readonly NftSet[]): NftTable => ({
  family: 'inet',
  name: 'isthmus',
  counters: [],
  sets: new Map([...generationSets, ...sets].map((one) => [one.name, one])),
  chains: new Map(),
})

inNamespace(import.meta.url, () => {
  const opened: NftDriver[] = []
  const open = () => {
    const driver = createNftDriver()
    opened.push(driver)
    return driver
  }
  afterEach(async () => {
    for (const driver of opened.splice(0)) await driver.close()
    shell('nft flush ruleset')
  })
  const view = (part: ActualNft | null) => part && [[...part.counters].sort(), part.sets, listed(part.chains)]
  const kernelText = () => shell('nft -s list table inet isthmus')

  describe('nft driver: generation', () => {
    const marks = () => [...kernelText().matchAll(/0x[0-9a-f]{8}/g)].map(([mark]) => Number(mark))
    const markOf = (number: number) => number * 256
    const EMPTY = tableOf([])
    const [out, back] = ['original . 5 . 9', 'reply . 9 . 5']
    const WAYS = [
      nftSet('trusted', 'mark . ct_dir . iface_index . iface_index', null, [
        [`${markText(2)} . ${out}`, ''],
        [`${markText(2)} . ${back}`, ''],
      ]),
      nftSet('ways', 'ct_dir . iface_index . iface_index', 'mark', [
        [out, markText(2)],
        [back, markText(2)],
      ]),
    ]

    it('is in both sets as soon as they are declared, and kept by the next process', async () => {
      const driver = open()
      await bringNft(driver, EMPTY)
      const number = driver.generation()
      assert.ok(number >= 1 && number <= 0xffffff)
      assert.deepEqual(marks(), Array(3).fill(markOf(number)))
      const next = open()
      await next.read(signal)
      assert.equal(next.generation(), number)
    })

    it('is raised without nft, in all sets the same as with it', async () => {
      const library = createNftRunner()
      let scripts = 0
      const run: NftRunner['run'] = (script) => {
        scripts++
        return library.run(script)
      }
      const driver = createNftDriver({runner: {...library, run}})
      opened.push(driver)
      await bringNft(driver, tableOf(WAYS))
      const before = scripts
      const number = await driver.raiseGeneration()
      assert.equal(scripts, before)
      const text = kernelText()
      const ways = new Map(WAYS.map(({name, elements}) => [name, elements]))
      shell('nft -f -', generationScript('isthmus', number, ways))
      assert.equal(kernelText(), text)
    })

    it('is raised in both sets at once', async () => {
      const driver = open()
      await bringNft(driver, EMPTY)
      const number = driver.generation()
      assert.equal(await driver.raiseGeneration(), nextGeneration(number, 'even'))
      assert.deepEqual(marks(), Array(3).fill(markOf(nextGeneration(number, 'even'))))
      assert.deepEqual(view(await open().read(signal)), view(await driver.read(signal)))
    })

    it('is mended when somebody has taken it away', async () => {
      const driver = open()
      await bringNft(driver, EMPTY)
      const number = driver.generation()
      shell('nft flush map inet isthmus current')
      driver.distrust()
      await driver.read(signal)
      assert.deepEqual(marks(), Array(3).fill(markOf(number)))
    })

    it('is in the marks of ways, which are raised with it', async () => {
      const driver = open()
      await bringNft(driver, tableOf(WAYS))
      const expected = (number: number) => [...Array(3).fill(markOf(number)), ...Array(4).fill(markOf(number) + 2)]
      assert.deepEqual(marks().sort(), expected(driver.generation()))
      await driver.raiseGeneration()
      assert.deepEqual(marks().sort(), expected(driver.generation()))
      driver.distrust()
      assert.deepEqual(diffNft(tableOf(WAYS), await driver.read(signal)), [])
    })

    it('is another one as soon as ways change, since a number may come to mean another way', async () => {
      const driver = open()
      await bringNft(driver, tableOf(WAYS))
      const number = driver.generation()
      await bringNft(
        driver,
        tableOf([nftSet('trusted', WAYS[0]!.key, null, [[`${markText(3)} . ${out}`, '']]), WAYS[1]!]),
      )
      assert.equal(driver.generation(), nextGeneration(number, 'even'))
      assert.ok(marks().includes(markOf(driver.generation()) + 3))
      assert.ok(marks().every((mark) => mark >= markOf(driver.generation())))
    })

    it('is another one where ways only come, too: none is without a number', async () => {
      const driver = open()
      await bringNft(driver, tableOf(WAYS))
      const number = driver.generation()
      const [trusted, ways] = WAYS.map((one, index): NftSet => {
        const [key, value] = [
          [`${markText(3)} . original . 9 . 5`, ''],
          ['original . 9 . 5', markText(3)],
        ][index]!
        return {...one, elements: new Map([...one.elements, [key!, value!]])}
      })
      await bringNft(driver, tableOf([trusted!, ways!]))
      assert.equal(driver.generation(), nextGeneration(number, 'even'))
      assert.ok(marks().every((mark) => mark >>> 8 === driver.generation()))
    })

    it('of a process before: its ways are written anew, under another number', async () => {
      const driver = open()
      await bringNft(driver, tableOf(WAYS))
      const next = open()
      await bringNft(next, tableOf(WAYS))
      assert.equal(next.generation(), nextGeneration(driver.generation(), 'even'))
      assert.deepEqual(marks().sort(), [
        ...Array(3).fill(markOf(next.generation())),
        ...Array(4).fill(markOf(next.generation()) + 2),
      ])
    })

    it('is put into the half that a twin leaves, when the twin comes to be named', async () => {
      let half: GenerationHalf = 'even'
      const driver = createNftDriver({half: () => half})
      opened.push(driver)
      await bringNft(driver, tableOf(WAYS))
      const number = driver.generation()
      assert.equal(number % 2, 0)
      half = 'odd'
      driver.distrust()
      await driver.read(signal)
      assert.equal(driver.generation(), nextGeneration(number, 'odd'))
      assert.ok(marks().every((mark) => mark >>> 8 === driver.generation()))
      assert.deepEqual(diffNft(tableOf(WAYS), await driver.read(signal)), [])
    })
  })
})
