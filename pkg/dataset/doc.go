// Package dataset fetches data sets, checks them against their digests, keeps them in a cache, and cuts
// them into parts and batches whose order can be repeated and whose position can be saved.
//
//	digits := dataset.Digits()                                  // fetched once, sha256 checked
//	train_, valid, test := digits.Scale(1.0/16).Split(1, 70, 15, 15)
//	train_.Show(24)                                             // as the network sees it
//	batches := train_.Batches(32, cfg.Seed)                     // a GoMLX data set
//
// What is fetched lies in $LATHE_CACHE, or in lathe/data in the user's cache folder. Once there, it is
// used without a network, and its digest is checked each time that it is read.
package dataset
