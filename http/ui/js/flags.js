// SPDX-License-Identifier: GPL-2.0-or-later
// The flags are settings.

import "/assets/js/settings.js";
