/** The choice of Lazuli's backend, for contestants and probes. */
import { setDefaultBackend, setThreads } from 'lazuli';

/** Makes `backend` the default with so many threads; throws where it is not available. */
export async function chooseBackend(backend: string, threads: number): Promise<void> {
  try {
    if (backend === 'native') setDefaultBackend(await (await import('lazuli/native')).native({ threads }));
    else setDefaultBackend(backend as 'wasm' | 'js');
  } catch (error) {
    throw new Error(`not available: ${(error as Error).name}`, { cause: error });
  }
  if (backend === 'wasm') await setThreads(threads);
}
