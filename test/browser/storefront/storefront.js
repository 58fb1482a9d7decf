// What a storefront does with Elastic Path's own client: keeps the cart of a shopper who is signed in, and lists theirs.
import { gateway } from '@elasticpath/js-sdk'

const { host, clientId, accountId, accountToken } = Object.fromEntries(
  new URLSearchParams(location.hash.slice(1)),
)
const client = gateway({
  client_id: clientId,
  host,
  protocol: 'http',
  // In the letters that AddAccountAssociation uses too, so that one replaces the other.
  headers: { 'EP-ACCOUNT-MANAGEMENT-AUTHENTICATION-TOKEN': accountToken },
})

/** Shows what an answer was, or the errors that it told of. */
const onClick = (id, ask) =>
  document.getElementById(id).addEventListener('click', async () => {
    const status = document.querySelector('[role=status]')
    status.textContent = ''
    const answer = await ask().catch((errors) => errors)
    status.textContent = typeof answer === 'string' ? answer : JSON.stringify(answer)
  })

onClick('associate', () => client.Cart().AddAccountAssociation(accountId, accountToken))
onClick('list', () => client.Cart().GetCartsList())
