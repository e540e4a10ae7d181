/** The console: it shows what the platform says, as it happens. */
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { createRoot } from 'react-dom/client'
import type { TowError } from '../api/errors.ts'
import { followTimeline } from './live/follow.ts'
import { refreshByEvents } from './live/refresh.ts'
import { signInAgain } from './platform.ts'
import { createPages } from './router.tsx'
import { applyTheme } from './shell/choices.ts'

const client = new QueryClient({
  queryCache: new QueryCache({
    onError(error) {
      if ((error as TowError).code === 'UNAUTHENTICATED') signInAgain()
    },
  }),
  // The client itself goes on after a lost connection; events say when something is old.
  defaultOptions: { queries: { retry: false, staleTime: 2000, networkMode: 'always' } },
})

applyTheme()
refreshByEvents(client)
void followTimeline(() => void client.invalidateQueries())
createRoot(document.getElementById('root')!).render(
  <QueryClientProvider client={client}>
    <RouterProvider router={createPages(client)} />
  </QueryClientProvider>,
)
