import { getRouteApi } from '@tanstack/react-router'

const route = getRouteApi('/apps/$app/$environment')

/** Which app in which environment the page is about. */
export const usePlace = () => route.useParams()
