export {createSysctlDriver} from './driver.ts'
