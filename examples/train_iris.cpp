// SPDX-License-Identifier: MIT
// Trains a softmax classifier with CrossEntropy on Fisher's irises, or on your table, and tests it on rows held out.
//
// expect: held-out accuracy: (47|48|49|50) of 50
// expect: setosa +[0-9]+ +0 +0

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <random>
#include <sstream>

#include <losses/classification.hpp>

#include "support/classification_plot.hpp"
#include "support/command_line.hpp"
#include "support/table.hpp"

namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXi;

struct Rows {
  MatrixXd x;       // [n × features + 1], the last column is 1
  VectorXi labels;  // [n]
};

VectorXi predict(const MatrixXd& logits) {
  VectorXi labels(logits.rows());
  for (Index i = 0; i < logits.rows(); ++i) logits.row(i).maxCoeff(&labels[i]);
  return labels;
}

void study(const std::filesystem::path& path, const support::Arguments& arguments) {
  const support::Table table = support::read_csv(path, 12);
  const std::size_t label_column = table.column(arguments.column);
  const std::vector<std::string> texts = table.texts(label_column);
  const support::Features features = table.features_without(label_column);
  std::vector<std::string> classes = texts;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  if (classes.size() < 2 || 3 * classes.size() > texts.size()) {
    throw support::BadInput(table.name + ": column '" + table.columns[label_column] + "' has " +
                            std::to_string(classes.size()) + " different labels in " + std::to_string(texts.size()) +
                            " rows, which makes no classes");
  }

  // A third of the rows is held out, chosen by a seed; the inputs are scaled by what the other rows tell.
  const Index n = features.values.rows(), held_out = n / 3, d = features.values.cols();
  std::vector<Index> order(texts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::mt19937 random(1);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  Rows all{MatrixXd::Ones(n, d + 1), VectorXi(n)};
  for (Index i = 0; i < n; ++i) {
    const Index row = order[static_cast<std::size_t>(i)];
    all.x.row(i).head(d) = features.values.row(row);
    const auto found = std::lower_bound(classes.begin(), classes.end(), texts[static_cast<std::size_t>(row)]);
    all.labels[i] = static_cast<int>(found - classes.begin());
  }
  for (Index c = 0; c < d; ++c) {
    const Eigen::VectorXd known = all.x.col(c).tail(n - held_out);
    all.x.col(c) = (all.x.col(c).array() - known.mean()) / support::input_scale(known);
  }
  const Rows test{all.x.topRows(held_out), all.labels.head(held_out)};
  const Rows train{all.x.bottomRows(n - held_out), all.labels.tail(n - held_out)};

  std::cout << '\n' << table.name << '\n';
  for (const auto& comment : table.comments) std::cout << "  " << comment << '\n';
  std::cout << '\n'
            << n - held_out << " rows to train on, " << held_out << " held out, " << classes.size() << " classes\n";
  std::cout << "epoch  training  held out\n" << std::fixed << std::setprecision(4);

  const losses::CrossEntropy<double> cross_entropy;
  const int epochs = 2000;
  MatrixXd weights = MatrixXd::Zero(d + 1, static_cast<Index>(classes.size())), gradient;
  std::ostringstream curves;
  {
    support::Progress progress("training");
    for (int epoch = 0; epoch <= epochs; ++epoch) {
      const MatrixXd logits = train.x * weights;
      const double value = cross_entropy.value_and_gradient(logits, train.labels, gradient);
      const MatrixXd test_logits = test.x * weights;
      const double test_value = cross_entropy.forward(test_logits, test.labels);
      curves << epoch << ' ' << value << ' ' << test_value << '\n';
      if (epoch % 500 == 0)
        std::cout << std::setw(5) << epoch << std::setw(10) << value << std::setw(10) << test_value << '\n';
      weights -= 0.5 * (train.x.transpose() * gradient);
      progress(epoch / double(epochs));
    }
  }

  const VectorXi predicted = predict(test.x * weights), everywhere = predict(all.x * weights);
  Eigen::MatrixXi confusion =
      Eigen::MatrixXi::Zero(static_cast<Index>(classes.size()), static_cast<Index>(classes.size()));
  for (Index i = 0; i < held_out; ++i) ++confusion(test.labels[i], predicted[i]);
  std::cout << "\nheld-out accuracy: " << confusion.trace() << " of " << held_out << " (" << std::setprecision(1)
            << 100.0 * confusion.trace() / static_cast<double>(held_out) << " %)\n";
  std::cout << "truth \\ predicted";
  for (const auto& name : classes) std::cout << std::setw(13) << name;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    std::cout << '\n' << std::left << std::setw(17) << classes[c] << std::right;
    for (const int count : confusion.row(static_cast<Index>(c))) std::cout << std::setw(13) << count;
  }
  std::cout << '\n';

  if (arguments.out.empty()) return;
  std::ostringstream points;  // the last two inputs, the label, the prediction
  for (Index i = 0; i < n; ++i) {
    const auto row = features.values.row(order[static_cast<std::size_t>(i)]);
    points << row[std::max<Index>(d - 2, 0)] << ' ' << row[d - 1] << ' ' << all.labels[i] << ' ' << everywhere[i]
           << '\n';
  }
  support::plot_classes(arguments.out, table, features.names, classes, points.str(), curves.str());
}

}  // namespace

int main(int argc, char** argv) {
  const auto iris = std::filesystem::path(__FILE__).parent_path() / "data" / "iris.csv";
  return support::run(argc, argv, "train_iris [--out folder] [table.csv [label column]]\n", {iris},
                      [](const support::Arguments& arguments) { study(arguments.tables[0], arguments); });
}
