// SPDX-License-Identifier: Apache-2.0
#include "chan_toml.h"
