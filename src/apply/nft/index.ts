export {createNftDriver, type NftDriver, type NftDriverOptions} from './driver.ts'
export {type GenerationHalf, generationHalf, nextGeneration} from './generation.ts'
export type {JudgedCounts} from './judged-turns.ts'
export type {CounterValue} from './netfilter.ts'
