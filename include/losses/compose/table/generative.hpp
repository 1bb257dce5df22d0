// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <losses/compose/entry.hpp>
#include <losses/generative/adversarial.hpp>
#include <losses/generative/adversarial_mse.hpp>
#include <losses/generative/gradient_penalty.hpp>
#include <losses/generative/reconstruction.hpp>
#include <losses/generative/ssim.hpp>
#include <losses/generative/style.hpp>
#include <losses/generative/total_variation.hpp>

namespace LOSSES_NAMESPACE::detail {

template <>
inline constexpr std::array<std::string_view, 4> enum_names<AdversarialMode> = {"vanilla", "lsgan", "wgangp", "hinge"};

template <>
inline constexpr std::array<std::string_view, 3> enum_names<ReconstructionKind> = {"mse", "l1", "bce"};

template <>
inline constexpr std::array<std::string_view, 2> enum_names<SSIMPadding> = {"same", "valid"};

template <std::floating_point T>
std::vector<LossEntry<T>> generative_entries() {
  using Data = LossArguments;
  return in_room<T>(
      "generative", "generation",
      {entry<Adversarial<T>>("adversarial", "Adversarial", Data::judged_scores, "a generator against a discriminator",
                             option<&rule::Adversarial<T>::mode>("mode"),
                             option<&rule::Adversarial<T>::real_label>("real_label"),
                             option<&rule::Adversarial<T>::fake_label>("fake_label")),
       entry<AdversarialMSE<T>>("adversarial_mse", "AdversarialMSE", Data::judged_outputs,
                                "a generator that has a target, too", option<&rule::AdversarialMSE<T>::mode>("mode"),
                                option<&rule::AdversarialMSE<T>::real_label>("real_label"),
                                option<&rule::AdversarialMSE<T>::fake_label>("fake_label")),
       entry<GradientPenalty<T>>("gradient_penalty", "GradientPenalty", Data::input_gradients,
                                 "keeps a critic's slope near 1", option<&rule::GradientPenalty<T>::lambda>("lambda"),
                                 option<&rule::GradientPenalty<T>::target>("target")),
       entry<Reconstruction<T>>(
           "reconstruction", "Reconstruction", Data::numbers, "an autoencoder, or a VAE with its divergence",
           option<&rule::Reconstruction<T>::kind>("kind"), option<&rule::Reconstruction<T>::kl_weight>("kl_weight"),
           option<&rule::Reconstruction<T>::epsilon>("epsilon")),
       entry<Style<T>>("style", "Style", Data::images, "textures by their Gram matrices",
                       option<&StyleOptions<T>::weights>("weights")),
       entry<TotalVariation<T>>("total_variation", "TotalVariation", Data::image, "how much neighbouring pixels differ",
                                option<&rule::TotalVariation<T>::average>("average")),
       entry<SSIM<T>>("ssim", "SSIM", Data::images, "how alike two images look",
                      option<&rule::SSIM<T>::window_size>("window_size"), option<&rule::SSIM<T>::max_val>("max_val"),
                      option<&rule::SSIM<T>::padding>("padding"), option<&rule::SSIM<T>::epsilon>("epsilon"))});
}

}  // namespace LOSSES_NAMESPACE::detail
