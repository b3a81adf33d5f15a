/* SPDX-License-Identifier: Apache-2.0 */
/* How often the installer may repair. */
#include "dataplane/installer/pace.h"

#include "lib/base/clock.h"

#define INTERVAL_NS (500 * NT_NS_PER_MS)
/* A primary that starts writes its files a few times. */
#define BURST 10
#define LONG_FIGHT_NS (300 * NT_NS_PER_S)
#define LONG_INTERVAL_NS (30 * NT_NS_PER_S)
/* A fight is over after so long without a repair that was due. */
#define PEACE_NS (60 * NT_NS_PER_S)

bool nt_pace_fights(const struct nt_pace *p, int64_t now_ns)
{
	return p->fight_since_ns && now_ns - p->debt_until_ns < PEACE_NS;
}

int64_t nt_pace_ask(struct nt_pace *p, int64_t now_ns, bool *ret_news)
{
	int64_t interval = INTERVAL_NS, credit = (BURST - 1) * INTERVAL_NS;

	*ret_news = false;
	if (!nt_pace_fights(p, now_ns))
		p->fight_since_ns = 0;
	if (now_ns > p->debt_until_ns)
		p->debt_until_ns = now_ns;
	if (p->fight_since_ns && now_ns - p->fight_since_ns > LONG_FIGHT_NS) {
		interval = LONG_INTERVAL_NS;
		credit = 0;
	}
	if (p->debt_until_ns - now_ns > credit) {
		if (!p->fight_since_ns) {
			p->fight_since_ns = now_ns;
			p->fights++;
			*ret_news = true;
		}
		return p->debt_until_ns - now_ns - credit;
	}
	p->debt_until_ns += interval;
	p->last_ns = interval;
	return 0;
}

void nt_pace_refund(struct nt_pace *p)
{
	p->debt_until_ns -= p->last_ns;
	p->last_ns = 0;
}
