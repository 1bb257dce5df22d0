// SPDX-License-Identifier: MIT
#pragma once

/// Losses of embeddings: who belongs together, and who does not.

#include <losses/metric/arc_face.hpp>
#include <losses/metric/circle.hpp>
#include <losses/metric/contrastive.hpp>
#include <losses/metric/cos_face.hpp>
#include <losses/metric/cosine_embedding.hpp>
#include <losses/metric/hinge_embedding.hpp>
#include <losses/metric/mined_triplet.hpp>
#include <losses/metric/multi_similarity.hpp>
#include <losses/metric/nt_xent.hpp>
#include <losses/metric/sup_con.hpp>
#include <losses/metric/triplet.hpp>
