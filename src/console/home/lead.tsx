/** For a lead: the figures first. */
import { DeliveryView } from '../delivery/view.tsx'

export function LeadHome() {
  return <DeliveryView environment={undefined} days={30} />
}
