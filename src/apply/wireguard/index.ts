export {createWireguardDriver, type WireguardDriver} from './driver.ts'
