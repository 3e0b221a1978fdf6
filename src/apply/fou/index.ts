export {createFouDriver, type FouDriver, type FouLedger} from './driver.ts'
