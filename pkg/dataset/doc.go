// Package dataset brings data to a model: it loads them, checks them against their digests, divides them so that
// nothing leaks, scales them by what training may know, and gives them out in batches whose order can be
// repeated and whose position can be saved.
//
//	digits := dataset.Digits()                                    // fetched once, sha256 checked
//	learn, valid, test := digits.StratifiedSplit(1, 70, 15, 15)
//	scaler, err := dataset.FitScaler(learn, dataset.Standard)     // refuses what is not for training
//	batches := scaler.Apply(learn).Balanced(32, cfg.Seed).Prefetch(4)
//	batches.Show()                                                // the next one, as the network gets it
//
// What there is to load: Digits, LoadIris, LoadWine, LoadBreastCancer, LoadDiabetes, LoadLongley and
// LoadMNIST10k come from package registries; LoadGoSource is wherever Go is; LoadMNIST, LoadCIFAR10,
// LoadCIFAR100, LoadAdult and LoadIMDB come from where they are published. Files of one's own are read by
// ReadFrame (CSV), ReadImages (folders), ReadNPZ (NumPy), Chars and Bytes (texts), and by the packages
// dataset/parquet, dataset/rda (R) and dataset/idx. What is of another form implements Source.
//
// How to divide: Split, StratifiedSplit, GroupSplit, TimeSplit and Folds; Duplicates gives the groups of equal
// examples. How to sample: Batches (shuffled), Ordered, Replacement, Stratified, Balanced, Weighted, Curriculum,
// Hard and Mix, or any order of package dataset/sample. How to change images on the way: Batches.Augment, with
// package dataset/augment, and Batches.Mixup.
//
// What is fetched lies in $LATHE_CACHE, or in lathe/data in the user's cache folder: see package
// dataset/fetch.
package dataset
